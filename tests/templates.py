"""Chat templates in the shapes of well-known families, and broken ones."""

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN3 = (
    "{% for m in messages %}{% set content = m.content %}"
    "{% if m.role == 'assistant' and '</think>' in content %}"
    "{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}"
    "{% else %}{% set turns = messages %}{% endif %}{{ bos_token }}{% for m in turns %}{% if m['role'] == 'user' %}"
    "{% if loop.last and system is defined %}[INST] {{ system }}\n\n{{ m['content'] }}[/INST]"
    "{% else %}[INST] {{ m['content'] }}[/INST]{% endif %}"
    "{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}"
    "<｜User｜>{{ m.content }}{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}<｜end｜>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"
)
HARMONY = (
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort | default('medium') }}<|end|>"
    "{% for m in messages %}"
    "{% if m.role == 'system' %}<|start|>developer<|message|># Instructions\n\n{{ m.content }}<|end|>"
    "{% elif m.role == 'user' %}<|start|>user<|message|>{{ m.content }}<|end|>"
    "{% else %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
PARTS = (
    "{% for m in messages %}<|{{ m.role }}|>{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}"
    "{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
FIRST_PART = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m['content'][0]['text'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
EITHER = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
DIALOGPT = "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
RIGHT = {
    "llama3": LLAMA3, "chatml": CHATML, "qwen3": QWEN3, "gemma": GEMMA, "mistral": MISTRAL, "r1": R1,
    "harmony": HARMONY, "parts": PARTS, "first part": FIRST_PART, "either": EITHER, "dialogpt": DIALOGPT,
}  # fmt: skip

DATED = CHATML.replace(
    "{% for m in messages %}",
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "Today Date: {{ date_string }}\n{% for m in messages %}",
    1,
)
BEGINS_TWICE = "{{ bos_token }}" + LLAMA3
RIGHT |= {"dated": DATED, "begins twice": BEGINS_TWICE}

SKIPS_SYSTEM = CHATML.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}")
PARTS_WITHOUT_SYSTEM = PARTS.replace(
    "<|{{ m.role }}|>", "{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
)
TWICE = CHATML.replace("{{ m.content }}", "{{ m.content }}{% if m.role == 'user' %}{{ m.content }}{% endif %}")
BACKWARDS = CHATML.replace("in messages", "in messages | reverse")
UNOPENED = CHATML.partition("{% if add_generation_prompt %}")[0]
ENDED = UNOPENED + "{% if add_generation_prompt %}<answer>{{ eos_token }}{% endif %}"
LAST_ONLY = "<|u|>{{ messages[-1].content }}<|a|>"
SHORTENING = CHATML.replace("{{ m.content }}", "{{ m.content[:12] }}")
FAILING = {
    "ZeroDivisionError": "{{ 1 / 0 }}",
    "TypeError": "{{ messages + 1 }}",
    "UndefinedError": "{{ messages[9].content.x }}",
    "TemplateSyntaxError": "{% if %}",
    "never": "{{ raise_exception('never') }}",
    "RecursionError": "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "SecurityError": "{{ messages.clear() }}",
}
"""What the message names, and the template."""
