/** Completion scripts. They are static text made from the declarations, so that a press of Tab starts no Node. */
import type { AnyCommand, CommandResult, Noun } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { GLOBALS } from '../../frame/globals.js';
import { flagName, type Options } from '../../frame/option.js';
import type { SHELLS } from './index.js';

interface Node {
  /** `wallet create`, `init` */
  readonly path: string;
  readonly words: readonly string[];
}

function flags(options: Options): readonly string[] {
  return Object.keys({ ...options, ...GLOBALS }).map(flagName).concat('--help');
}

function argumentChoices(command: AnyCommand): readonly string[] {
  return Object.values(command.args)[0]?.choices ?? [];
}

function nodes(nouns: readonly Noun[]): readonly Node[] {
  return nouns.flatMap((noun) => {
    const leaves = noun.commands.map((command) => ({
      path: noun.single === true ? noun.name : `${noun.name} ${command.name}`,
      words: [...argumentChoices(command), ...flags(command.options)],
    }));
    if (noun.single === true) return leaves;
    const groups = Object.keys(noun.groups ?? {}).map((group) => ({
      path: `${noun.name} ${group}`,
      words: noun.commands.flatMap(({ name }) => (name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : [])),
    }));
    return [{ path: noun.name, words: firstWords(noun) }, ...groups, ...leaves];
  });
}

/** What may stand behind a noun: its commands, each group once. */
function firstWords({ commands }: Noun): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))];
}

/** The conditions under which fish completes inside a command. */
function seen(noun: Noun, command: AnyCommand): string {
  const words = [noun.name, ...(noun.single === true ? [] : command.name.split(' '))];
  return words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
}

function bash(nouns: readonly Noun[]): string {
  const cases = nodes(nouns).map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`);
  return `# bash completion of r3mes
_r3mes() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' words word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  case $path in
    '') words='${[...nouns.map(({ name }) => name), ...flags({}), '--version'].join(' ')}' ;;
${cases.join('\n')}
    *) words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ \${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _r3mes r3mes
`;
}

function zsh(nouns: readonly Noun[]): string {
  return `#compdef r3mes
autoload -U +X bashcompinit && bashcompinit
${bash(nouns)}`;
}

/** Single-quoted for fish. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function fish(nouns: readonly Noun[]): string {
  const lines = ['# fish completion of r3mes'];
  for (const noun of nouns) {
    lines.push(`complete -c r3mes -n __fish_use_subcommand -f -a ${noun.name} -d ${quoted(noun.summary)}`);
    const here = `__fish_seen_subcommand_from ${noun.name}`;
    for (const [group, summary] of Object.entries(noun.groups ?? {})) {
      lines.push(`complete -c r3mes -n ${quoted(`${here}; and not __fish_seen_subcommand_from ${firstWords(noun).join(' ')}`)} -f -a ${group} -d ${quoted(summary)}`);
    }
    for (const command of noun.commands) {
      const inside = seen(noun, command);
      const [first = '', second] = command.name.split(' ');
      if (second !== undefined) {
        const others = noun.commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
        lines.push(`complete -c r3mes -n ${quoted(`${here}; and __fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${others.join(' ')}`)} -f -a ${second} -d ${quoted(command.summary)}`);
      } else if (noun.single !== true) {
        lines.push(`complete -c r3mes -n ${quoted(`${here}; and not __fish_seen_subcommand_from ${firstWords(noun).join(' ')}`)} -f -a ${command.name} -d ${quoted(command.summary)}`);
      }
      for (const choice of argumentChoices(command)) lines.push(`complete -c r3mes -n ${quoted(inside)} -f -a ${choice}`);
      for (const [key, option] of Object.entries(command.options)) {
        lines.push(`complete -c r3mes -n ${quoted(inside)} -l ${flagName(key).slice(2)}${option.kind === 'flag' ? '' : ' -r'} -d ${quoted(option.summary)}`);
      }
    }
  }
  for (const [key, option] of Object.entries(GLOBALS)) lines.push(`complete -c r3mes -l ${flagName(key).slice(2)} -d ${quoted(option.summary)}`);
  return `${lines.join('\n')}\n`;
}

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (nouns: readonly Noun[]) => string>> = { bash, zsh, fish };

export function completion(ctx: Context, { shell }: { readonly shell: (typeof SHELLS)[number] }): Promise<CommandResult> {
  const script = SCRIPTS[shell](ctx.nouns);
  return Promise.resolve({ data: { shell, script }, text: script });
}
