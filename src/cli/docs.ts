/** The reference part of docs/cli.md, made from the declarations; a test keeps the file current. */
import { envName, SETTING_KEYS, type SettingInfo, SETTINGS } from './config/settings.js';
import type { AnyCommand, Noun } from './frame/command.js';
import { EXIT_MEANING, mappedErrorCodes } from './frame/exit-codes.js';
import { GLOBALS } from './frame/globals.js';
import { type Options, variableOf } from './frame/option.js';
import { argumentText, optionFlags } from './frame/program.js';

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function optionTable(options: Options): string {
  const rows = Object.entries(options).map(([key, option]) => [
    `\`${optionFlags(key, option)}\``,
    `\`${variableOf(key, option)}\``,
    option.choices !== undefined && !option.summary.includes(option.choices.join(', ')) ? `${option.summary} (${option.choices.join(', ')})` : option.summary,
    option.required ? 'required' : option.fallback === undefined ? '' : `\`${option.fallback}\``,
  ]);
  return markdownTable(['Option', 'Variable', 'Meaning', 'Default'], rows);
}

function commandSection(noun: Noun, command: AnyCommand): string {
  const path = noun.single === true ? noun.name : `${noun.name} ${command.name}`;
  const args = Object.entries(command.args).map(([key, option]) => argumentText(key, option));
  const parts = [`### \`r3mes ${[path, ...args].join(' ')}\``, `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.${command.details === undefined ? '' : ` ${command.details}`}`];
  if (args.length > 0) parts.push(Object.entries(command.args).map(([key, option]) => `- \`${option.placeholder ?? key}\`: ${option.summary}`).join('\n'));
  if (Object.keys(command.options).length > 0) parts.push(optionTable(command.options));
  parts.push(['```sh', ...command.examples.flatMap(([line, what]) => [`# ${what}`, `r3mes ${line}`]), '```'].join('\n'));
  const keys = Object.entries(command.json).map(([key, what]) => `- \`${key}\`: ${what}`);
  parts.push(`${command.stream === true ? 'With `--json`, one object a line; the last one has type `result` and' : 'With `--json`, one object with'}:`, keys.join('\n'));
  return parts.join('\n\n');
}

/** Markdown of all tables and commands. */
export function renderReference(nouns: readonly Noun[]): string {
  const exits = Object.entries(EXIT_MEANING).map(([code, meaning]) => {
    const codes = mappedErrorCodes().filter(([, exit]) => String(exit) === code).map(([name]) => `\`${name}\``);
    return [code, meaning, codes.join(', ')];
  });
  const settings = SETTING_KEYS.map((key) => {
    const info: SettingInfo = SETTINGS[key];
    return [`\`${key}\``, `\`${envName(key)}\``, info.summary, info.fallback === undefined ? '' : `\`${info.fallback}\``];
  });
  return [
    '## Exit codes',
    markdownTable(['Code', 'Meaning', 'Error codes'], exits),
    'Every error code that is not in the table ends with 1.',
    '## Settings',
    markdownTable(['Key', 'Variable', 'Meaning', 'Default'], settings),
    '## Flags of every command',
    optionTable(GLOBALS),
    '## Commands',
    ...nouns.flatMap((noun) => noun.commands.map((command) => commandSection(noun, command))),
  ].join('\n\n');
}
