"""``python -m entmin``, which `accelerate launch -m entmin` needs."""

from entmin.cli import main

if __name__ == "__main__":
    main()
