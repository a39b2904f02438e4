import { type Command, InvalidArgumentError, Option } from 'commander';
import { SpotreelError } from '../core/errors';
import {
  OPTION_NAMES,
  type OptionName,
  parseUsd,
  readOption,
  RENDER_OPTIONS,
  wordOf,
} from '../core/render/options';
import { REQUEST_PARTS } from '../core/render/upload-options';
import { printableName } from '../core/text';
import { wrap } from './output';

/** Runs one command, which gives its exit code. */
export type Run = (command: () => Promise<number>) => Promise<void>;

/** Gives a command its arguments, options, help and action. */
export type AddCommand = (command: Command, run: Run) => void;

/** The parts of a command's help that follow its arguments and options. */
export interface Explanation {
  /** Lines of prose. */
  readonly notes?: string;
  /** In ascending order. */
  readonly exitCodes: ReadonlyArray<readonly [code: number, meaning: string]>;
  /** Command lines, some with a remark after three spaces. */
  readonly examples: readonly string[];
}

const explanations = new WeakMap<Command, Explanation>();

/** Appends an explanation to the help of a command. */
export function explain(command: Command, explanation: Explanation): Command {
  explanations.set(command, explanation);
  return command.addHelpText('after', () => `\n${describe(command, explanation)}`);
}

/** The explanation of a command. Throws for a command without one. */
export function explanationOf(command: Command): Explanation {
  const explanation = explanations.get(command);
  if (!explanation) throw new Error(`the command ${command.name()} has no explanation`);
  return explanation;
}

/** Columns of a terminal that does not say how many it has. */
const USUAL_COLUMNS = 80;

function describe(command: Command, { notes, exitCodes, examples }: Explanation): string {
  const columns = command.configureOutput().getOutHelpWidth?.() ?? USUAL_COLUMNS;
  const width = Math.max(...exitCodes.map(([code]) => String(code).length));
  const codes = exitCodes.map(([code, meaning]) =>
    wrap(`  ${String(code).padEnd(width)}  ${meaning}`, columns),
  );
  return [
    ...(notes === undefined ? [] : [command.createHelp().boxWrap(notes, columns), '']),
    'Exit codes:',
    ...codes,
    '',
    'Examples:',
    ...examples.map((example) => describeExample(example, columns)),
  ].join('\n');
}

/** The remark of a long example is in a line of its own. */
function describeExample(example: string, columns: number): string {
  const line = `  ${example}`;
  return line.length > columns ? line.replace(/ {3,}/, '\n      ') : line;
}

/** `-f, --frames-per-slice <n>`: how users write the flag of an option. Pure. */
export function flagOf(name: OptionName): string {
  const { short, argument } = RENDER_OPTIONS[name];
  return [
    ...(short === undefined ? [] : [`${short},`]),
    `--${wordOf(name)}`,
    ...(argument ? [argument] : []),
  ].join(' ');
}

/** The flag of one option, from the table of options. It throws `bad-options` (usage), naming the flag and its limits. */
export function renderOption(name: OptionName, help: string = RENDER_OPTIONS[name].help): Option {
  const { argument, choices, repeatable, takesPath } = RENDER_OPTIONS[name];
  const option = new Option(flagOf(name), help);
  if (choices) option.choices(choices);
  if (argument === undefined || takesPath) return option;
  return option.argParser((text: string, before: unknown) =>
    readFlag(name, repeatable && typeof before === 'string' ? `${before},${text}` : text),
  );
}

function readFlag(name: OptionName, text: string): unknown {
  const value = readOption(name, text);
  if (value !== undefined) return value;
  const message = `--${wordOf(name)} ${printableName(text)} is invalid: give ${RENDER_OPTIONS[name].limits}`;
  throw new SpotreelError('bad-options', 'usage', message);
}

/** Adds the flags of every option of a render. */
export function withShotOptions(command: Command): Command {
  command.optionsGroup('Options of the render:');
  for (const name of OPTION_NAMES) command.addOption(renderOption(name));
  return command;
}

/** Adds the flags of every option, and the name of the render. */
export function withRenderOptions(command: Command): Command {
  return withShotOptions(command).option(REQUEST_PARTS.name.flag, REQUEST_PARTS.name.help);
}

/** Adds the flags that say which files of a scene may be uploaded. */
export function withUploadOptions(command: Command): Command {
  return command
    .optionsGroup('Options of the upload:')
    .option(
      '--project <dir>',
      'upload files from this folder only, without asking (default: the folder of the scene)',
    )
    .option('-y, --yes', 'upload files from other folders without asking');
}

/** Adds the flags that say where renders are. */
export function withPlaceOptions(command: Command): Command {
  return command
    .optionsGroup('Where the renders are:')
    .option('-o, --output <location>', 'folder or s3://bucket/prefix (default: ./renders)')
    .option('--farm <name>', 'deployed farm, whose bucket has the renders');
}

/** Adds the flags that say how a command uses this machine. */
export function withMachineOptions(command: Command): Command {
  return command.option(
    '-p, --parallel <n>',
    'Blenders that run at the same time (default: chosen from the number of cores)',
    wholeNumber,
  );
}

/** Adds the id of a render as a required argument. */
export function withRenderId(command: Command): Command {
  return command.argument('<renderId>', 'render, by its id in "spotreel list"');
}

/** Adds the id of a render as an optional argument. */
export function withOptionalRenderId(command: Command): Command {
  return command.argument('[renderId]', 'render, by its id in "spotreel list" (default: the newest)');
}

/** Reads a flag's whole number of 1 or more. Throws commander's `InvalidArgumentError`. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  }
  return value;
}

/** Reads a flag's whole number of 0 or more. Throws commander's `InvalidArgumentError`. */
export function zeroOrMore(text: string): number {
  return text === '0' ? 0 : wholeNumber(text);
}

/** Reads a flag's US dollars. Throws commander's `InvalidArgumentError`. */
export function usDollars(text: string): number {
  const usd = parseUsd(text);
  if (usd !== undefined) return usd;
  throw new InvalidArgumentError(`It must be ${REQUEST_PARTS['max-cost'].limits}.`);
}
