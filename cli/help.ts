import { type Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { parseUsd } from '../core/render/options';
import { SLICE_ORDERS } from '../core/render/slices';
import { VIDEO_FORMATS } from '../core/render/video';

/** What help and docs/cli.md tell of a command besides its arguments and options. */
export interface Explanation {
  /** Lines of prose. */
  readonly notes?: string;
  /** What each exit code means, in ascending order. */
  readonly exitCodes: ReadonlyArray<readonly [code: number, meaning: string]>;
  /** Command lines, each with a word on it where it needs one. */
  readonly examples: readonly string[];
}

const explanations = new WeakMap<Command, Explanation>();

/** Puts an explanation behind the help of a command. */
export function explain(command: Command, explanation: Explanation): Command {
  explanations.set(command, explanation);
  return command.addHelpText('after', () => `\n${describe(explanation)}`);
}

/** What `explain` was given. A command that nobody explained is a fault. */
export function explanationOf(command: Command): Explanation {
  const explanation = explanations.get(command);
  if (!explanation) throw new Error(`nobody explained the command ${command.name()}`);
  return explanation;
}

function describe({ notes, exitCodes, examples }: Explanation): string {
  const width = Math.max(...exitCodes.map(([code]) => String(code).length));
  const codes = exitCodes.map(([code, meaning]) => `  ${String(code).padEnd(width)}  ${meaning}`);
  return [
    ...(notes === undefined ? [] : [notes, '']),
    'Exit codes:',
    ...codes,
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ].join('\n');
}

/** What lets a scene's own scripts run; they never do otherwise. */
export const ALLOW_SCRIPTS = [
  '--allow-scripts',
  "run the scene's scripts and drivers, in the sandbox if there is one; only for scenes that you trust",
] as const;

/** What `render` and `submit` both take: the same scene, asked for in the same words. */
export function withRenderOptions(command: Command): Command {
  return withShotOptions(command).option(
    '-n, --name <name>',
    'name the render, in place of a name made from file and options',
  );
}

/** What is asked of a scene, wherever it is rendered. */
export function withShotOptions(command: Command): Command {
  return command
    .option('--frames <ranges>', "frames such as 1-10,20,30-50x2, in place of the scene's range")
    .option('--scene <name>', "the scene, in place of the file's active one")
    .option(
      '--camera <name>',
      'the camera, or all; names with commas, or the flag again, make one render for each camera',
      (name: string, before: readonly string[] | undefined) => [...(before ?? []), name],
    )
    .option(
      '--ocio <file>',
      "the scene's OpenColorIO configuration, a .ocio or .ocioz file or ocio://NAME; travels with the scene",
    )
    .option('-f, --frames-per-slice <n>', 'frames of one child job', wholeNumber)
    .option('--resolution-percent <p>', 'per cent of the full resolution', wholeNumber)
    .option('--samples <n>', 'samples a pixel', wholeNumber)
    .option('--engine <engine>', "cycles, eevee or workbench, in place of the scene's")
    .addOption(
      new Option('--device <device>', 'what Cycles renders by; gpu is never the CPU in silence').choices([
        'cpu',
        'gpu',
      ]),
    )
    .addOption(
      new Option('--video <format>', 'video format (default: h264; none for a single frame)').choices(
        VIDEO_FORMATS,
      ),
    )
    .option('--background <rrggbb>', 'behind see-through frames, in videos that are not (black)')
    .addOption(
      new Option(
        '--gaps <how>',
        'what stands in for a missing frame: the one before it, or that marked',
      ).choices(['hold', 'mark']),
    )
    .addOption(
      new Option(
        '--order <order>',
        'spread: slices all over the shot first, with a preview of them; usual from 32 slices on',
      ).choices(SLICE_ORDERS),
    )
    .option(
      '--force',
      'render in spite of missing files, an unknown engine or view, or a scene of a newer Blender',
    )
    .option(...ALLOW_SCRIPTS);
}

/** How far the files of a scene may be uploaded: the same for every command that uploads. */
export function withUploadOptions(command: Command): Command {
  return command
    .option(
      '--project <dir>',
      'upload only files in this folder, and do not ask (default: the folder of the scene, and others after asking)',
    )
    .option('-y, --yes', "upload files outside the scene's folder without asking");
}

/** Where to look for renders: the same for every command that looks after them. */
export function withPlaceOptions(command: Command): Command {
  return command
    .option('-o, --output <location>', 'a folder or s3://bucket/prefix (default: ./renders)')
    .option('--farm <name>', 'the bucket of the farm with this name, such as main');
}

/** Reads an argument of 1 or more. Throws what commander tells the user. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  }
  return value;
}

/** The same of 0 or more. */
export function zeroOrMore(text: string): number {
  return text === '0' ? 0 : wholeNumber(text);
}

/** Reads an argument of US dollars. Throws what commander tells the user. */
export function usDollars(text: string): number {
  const usd = parseUsd(text);
  if (usd !== undefined) return usd;
  throw new InvalidArgumentError('It must be US dollars, more than 0, such as 5 or 2.50.');
}

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

/** Runs one command, which gives its exit code. */
export type Run = (command: () => Promise<number>) => Promise<void>;
