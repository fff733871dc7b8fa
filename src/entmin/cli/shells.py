"""What click's scripts of shell completion lack: words with ``:``, ``=`` and ``,``, and names beside files.

A mode such as ``em_inf:threshold=0.1`` is one word of ours and three of bash's; its script here sends the line and
takes back what follows the last break. Click's own drops all names where files are offered too, and its script for
fish cuts a list at its first comma. Importing this module makes click use these.
"""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

VARIABLE = "_ENTMIN_COMPLETE"
"""By which a shell asks for completions instead of running a verb."""
_BASH = r"""
%(complete_func)s() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" breaks="" cut="" type value
    local typed="${line##*[[:space:]]}"
    local -a paths=()
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=":"
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+="="
    [[ -n $breaks ]] && cut="${typed%%"${typed##*[$breaks]}"}"
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            plain) COMPREPLY+=("${value#"$cut"}") ;;
            dir) paths+=($(compgen -d -- "$value")); compopt -o dirnames ;;
            file) paths+=($(compgen -f -- "$value")); compopt -o default ;;
        esac
    done < <(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1")
    if [[ ${#COMPREPLY[@]} -gt 0 ]]; then
        COMPREPLY+=("${paths[@]#"$cut"}")
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    fi
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@add_completion_class
class Bash(BashComplete):
    """Bash, with the whole line."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one at the cursor, and that one as far as it is typed."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        begun = words.pop() if words and not line[-1].isspace() else ""
        return words[1:], begun


@add_completion_class
class Zsh(ZshComplete):
    """Zsh, without a space after ``threshold=``."""

    source_template = ZshComplete.source_template.replace(
        "compadd -U -V unsorted -a completions",
        "local -a open=(${(M)completions:#*=}) whole=(${completions:#*=})\n"
        "        compadd -U -S '' -V unsorted -a open\n"
        "        compadd -U -V unsorted -a whole",
    )


@add_completion_class
class Fish(FishComplete):
    """Fish, with values that have commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')
