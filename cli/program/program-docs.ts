import type { Argument, Command, Option } from 'commander';
import { explanationOf } from './explain';

/** `docs/cli.md`: all that help tells, in Markdown. */
export function describeProgram(program: Command): string {
  const { commands } = program;
  const head = [
    `# ${program.name()}`,
    'Made from the same source as `--help` (`npm run docs`); a test holds the two together.',
    program.description(),
    ['| command | |', '| --- | --- |', ...commands.map(indexRow)].join('\n'),
  ];
  return `${[...head, ...commands.flatMap((command) => describeCommand(command, program.name()))].join('\n\n')}\n`;
}

function indexRow(command: Command): string {
  return `| [${command.name()}](#${command.name()}) | ${cell(command.description())} |`;
}

function describeCommand(command: Command, program: string): string[] {
  const { notes, exitCodes, examples } = explanationOf(command);
  return [
    `## ${command.name()}`,
    sentence(command.description()),
    fenced([`${program} ${command.name()} ${command.usage()}`]),
    ...(notes === undefined ? [] : [notes]),
    table('argument or option', [
      ...command.registeredArguments.map(argumentRow),
      ...command.options.map(optionRow),
    ]),
    table(
      'exit code',
      exitCodes.map(([code, meaning]) => [String(code), meaning]),
    ),
    fenced(examples),
  ];
}

function argumentRow(argument: Argument) {
  const name = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
  return [`\`${name}\``, argument.description] as const;
}

function optionRow({ flags, description, argChoices, defaultValue }: Option) {
  const choices = argChoices ? ` (${argChoices.join(', ')})` : '';
  const usual = defaultValue === undefined ? '' : `; ${String(defaultValue)} by default`;
  return [`\`${flags}\``, `${description}${choices}${usual}`] as const;
}

function table(head: string, rows: ReadonlyArray<readonly [string, string]>): string {
  return [
    `| ${head} | |`,
    '| --- | --- |',
    ...rows.map(([name, meaning]) => `| ${cell(name)} | ${cell(meaning)} |`),
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function fenced(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
