// Writes docs/cli.md from the commands and the table of options.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argument, Command, Option } from 'commander';
import { explanationOf, flagOf } from '../cli/help';
import { buildProgram } from '../cli/main';
import { OPTION_NAMES, RENDER_OPTIONS, wordOf } from '../core/render/options';
import { REQUEST_PARTS, SIDECAR_KEYS } from '../core/render/upload-options';

/** `docs/cli.md`: every command, and every option of a render. */
export function describeProgram(program: Command): string {
  const { commands } = program;
  const parts = [
    `# ${program.name()}`,
    wrapped(
      'The commands and the table of options make this page (`npm run docs`), as they make `--help`. A test checks that it is current.',
    ),
    program.description(),
    table(
      ['command', ''],
      [...commands.map((command) => [`[${command.name()}](#${command.name()})`, command.description()])],
    ),
    'Every way to start a render takes the same [options](#options-of-a-render).',
    ...commands.flatMap((command) => describeCommand(command, program.name())),
    ...describeOptions(),
  ];
  return `${parts.join('\n\n')}\n`;
}

function describeCommand(command: Command, program: string): string[] {
  const { notes, exitCodes, examples } = explanationOf(command);
  const rows = [...command.registeredArguments.map(argumentRow), ...command.options.map(optionRow)];
  return [
    `## ${command.name()}`,
    sentence(command.description()),
    fenced([`${program} ${command.name()} ${command.usage()}`]),
    ...(notes === undefined ? [] : [wrapped(escaped(notes))]),
    table(['argument or option', ''], rows),
    table(
      ['exit code', ''],
      exitCodes.map(([code, meaning]) => [String(code), meaning]),
    ),
    fenced(examples),
  ];
}

function argumentRow(argument: Argument): string[] {
  const name = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
  return [`\`${name}\``, argument.description];
}

function optionRow({ flags, description, argChoices, defaultValue }: Option): string[] {
  const choices = argChoices ? ` (${argChoices.join(', ')})` : '';
  const byDefault = defaultValue === undefined ? '' : ` (default: ${String(defaultValue)})`;
  return [`\`${flags}\``, `${description}${choices}${byDefault}`];
}

function describeOptions(): string[] {
  const options = OPTION_NAMES.map((name) =>
    optionPlaces(flagOf(name), wordOf(name), RENDER_OPTIONS[name].limits),
  );
  const parts = Object.entries(REQUEST_PARTS).map(([key, { flag, limits }]) =>
    optionPlaces(flag, key, limits),
  );
  return [
    '## Options of a render',
    wrapped(
      'The same options have three places: flags, metadata of an S3 upload, and a sidecar file beside a scene in a watch folder. ' +
        'A sidecar file is a JSON object, such as `shot.blend.json` beside `shot.blend`.',
    ),
    table(['flag', 'upload metadata', 'sidecar file', 'value'], [...options, ...parts]),
  ];
}

function optionPlaces(flag: string, key: string, limits: string): string[] {
  const sidecar = SIDECAR_KEYS.includes(key) ? `\`"${key}"\`` : 'none';
  return [`\`${flag}\``, `\`x-amz-meta-${key}\``, sidecar, limits];
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n').replaceAll('|  |', '| |');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const fenced = (lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n');

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** Help has `<name>` and keys of JSON as they are; Markdown would take the first for HTML. */
const escaped = (text: string): string => text.replaceAll('<', '\\<');

/** Characters of a line. */
const LONGEST_LINE = 120;

/** Paragraphs, with lines broken at spaces. */
function wrapped(text: string): string {
  return text.replace(new RegExp(`(.{1,${LONGEST_LINE}})(?: +|(\\n|$))`, 'g'), '$1\n').trimEnd();
}

async function writeDocs(): Promise<void> {
  // A variable of this terminal must not show as a default.
  delete process.env.SPOTREEL_FARM_NAME;
  const program = await buildProgram(async () => undefined);
  writeFileSync(join(__dirname, '../docs/cli.md'), describeProgram(program));
}

if (require.main === module) void writeDocs();
