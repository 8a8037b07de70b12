# SPDX-License-Identifier: BSD-3-Clause
"""Writes the completion of a tool's command line for bash or zsh.

The tool's own --help says which options there are: what the tool knows is what is completed.
usage: generate.py bash|zsh OUTPUT TOOL
"""

import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^ {2}--([a-z][a-z0-9_-]*)(?:[= ]([A-Za-z0-9]\S*))?(?:\s+(\S.*))?$")
WORDS = re.compile(r"[a-z0-9+_-]+(?:\|[a-z0-9+_-]+)+(?=[\s:,;]|$)")
ALSO = re.compile(r"\(also ((?:--[a-z0-9_-]+(?:, )?)+)\)")


class Option:
    def __init__(self, name, value, text):
        self.name = name
        self.value = value
        self.text = text
        # Either "--log=error|warn", or "--log=LEVEL  error|warn: ...".
        words = WORDS.match(value or "") or (value and WORDS.match(text))
        self.words = words[0].split("|") if words else []

    def is_path(self):
        return bool(re.match(r"FILE|PATH|DIR", self.value or ""))


def read_options(help_text):
    options, lines = [], help_text.splitlines()
    for line, following in zip(lines, lines[1:] + [""]):
        found = OPTION.match(line)
        if not found:
            continue
        name, value, text = found.groups()
        # A long option has its description on the next line.
        option = Option(name, value, text or following.strip())
        options.append(option)
        also = ALSO.search(following)
        for alias in re.findall(r"--([a-z0-9_-]+)", also[1]) if also else ():
            options.append(Option(alias, value, option.text))
    return options


def read_commands(tool, help_text):
    """The first word after the name, where only certain ones are possible."""
    return re.findall(rf"(?m)^(?:usage: +| +){tool} ([a-z][a-z-]+)\b", help_text)


def bash(tool, options, commands):
    name = "_" + tool.replace("-", "_")
    cases = ""
    for option in options:
        if option.words:
            action = f'COMPREPLY=($(compgen -W "{" ".join(option.words)}" -- "$cur"))'
            cases += f"\t--{option.name}) {action}; return ;;\n"
        elif option.value:
            cases += f"\t--{option.name}) {'_filedir; ' if option.is_path() else ''}return ;;\n"
    names = " ".join(f"--{option.name}{'=' if option.value else ''}" for option in options)
    first = ""
    if commands:
        first = ("\tif [[ $cword -eq 1 ]]; then\n"
                 f'\t\tCOMPREPLY=($(compgen -W "{" ".join(commands)}" -- "$cur"))\n'
                 "\t\treturn\n\tfi\n")
    return f"""# bash completion of {tool}(1), made from its --help
{name}()
{{
	local cur prev words cword split
	_init_completion -s || return
	case $prev in
{cases}	esac
	$split && return
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "{names}" -- "$cur"))
		[[ ${{COMPREPLY-}} == *= ]] && compopt -o nospace
		return
	fi
{first}	_filedir
}} &&
	complete -F {name} {tool}
"""


def zsh_quoted(text):
    return re.sub(r"([\[\]:'\\])", lambda found: "'\\''" if found[1] == "'" else "\\" + found[1],
                  text)


def zsh(tool, options, commands):
    lines = []
    for option in options:
        line = f"--{option.name}{'=' if option.value else ''}[{zsh_quoted(option.text)}]"
        if option.words:
            line += f":{option.name}:({' '.join(option.words)})"
        elif option.value:
            line += f":{zsh_quoted(option.value)}:{'_files' if option.is_path() else ''}"
        lines.append(f"'{line}'")
    if commands:
        lines.append(f"'1:command:({' '.join(commands)})'")
    # The path of a socket is what follows the colon of an address.
    lines.append("""'*:address or file:{ compset -P "*:"; _files }'""")
    return (f"#compdef {tool}\n# zsh completion of {tool}(1), made from its --help\n"
            "_arguments \\\n\t" + " \\\n\t".join(lines) + "\n")


def main():
    shell, output, program = sys.argv[1:]
    tool = pathlib.Path(program).name
    help_text = subprocess.run([program, "--help"], check=True, stdout=subprocess.PIPE,
                               text=True).stdout
    write = {"bash": bash, "zsh": zsh}[shell]
    text = write(tool, read_options(help_text), read_commands(tool, help_text))
    pathlib.Path(output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
