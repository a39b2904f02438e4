import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { explain, explanationOf, withShotOptions } from '../../../cli/help';
import { buildProgram } from '../../../cli/main';
import { renderOptionsOf } from '../../../cli/place';
import { OPTION_NAMES, RENDER_OPTIONS, wordOf } from '../../../core/render/options';
import { parseUploadMetadata } from '../../../core/render/upload-options';
import { describeProgram } from '../../../scripts/write-cli-docs';

const everyCommand = () => buildProgram(async () => undefined);

test('docs/cli.md is current after "npm run docs"', async () => {
  const written = readFileSync(join(__dirname, '../../../docs/cli.md'), 'utf8');
  expect(written).toBe(describeProgram(await everyCommand()));
});

test('spotreel has a version of three numbers', async () => {
  expect((await everyCommand()).version()).toMatch(/^\d+\.\d+\.\d+$/);
});

test('every command lists examples and sorted exit codes', async () => {
  const { commands } = await everyCommand();
  expect(commands.length).toBeGreaterThan(5);
  for (const command of commands) {
    const { examples, exitCodes } = explanationOf(command);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toMatch(new RegExp(`^spotreel ${command.name()}\\b`));
    const codes = exitCodes.map(([code]) => code);
    expect(codes).toEqual(codes.toSorted((a, b) => a - b));
    expect(codes).toEqual(expect.arrayContaining([0, 1, 2]));
  }
});

test('the help of every command fits into 80 columns', async () => {
  const { commands } = await everyCommand();
  const shown: string[] = [];
  for (const command of commands) {
    command.configureOutput({ writeOut: (text) => shown.push(text), getOutHelpWidth: () => 80 });
    command.outputHelp();
  }
  expect(shown.length).toBeGreaterThan(0);
  expect(
    shown
      .join('')
      .split('\n')
      .filter((line) => line.length > 80),
  ).toEqual([]);
});

describe('explain', () => {
  /** The help of a command with such notes, on a terminal of so many columns. */
  function helpWith(notes: string, columns: number): string {
    let shown = '';
    const command = new Command('look').exitOverride().configureOutput({
      writeOut: (text) => (shown += text),
      getOutHelpWidth: () => columns,
    });
    explain(command, {
      notes,
      exitCodes: [
        [0, 'seen'],
        [130, 'interrupted'],
      ],
      examples: ['spotreel look'],
    });
    command.outputHelp();
    return shown;
  }

  test('shows exit codes and examples after the options', () => {
    expect(helpWith('A note.', 80)).toMatch(
      /\nA note\.\n\nExit codes:\n {2}0 {4}seen\n {2}130 {2}interrupted\n\nExamples:\n {2}spotreel look\n/,
    );
  });

  test('breaks notes into lines that fit the terminal', () => {
    const shown = helpWith('word '.repeat(40), 60).split('\n');
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

test('explanationOf throws for a command without an explanation', () => {
  expect(() => explanationOf(new Command('mute'))).toThrow('the command mute has no explanation');
});

describe('the flags of a render', () => {
  /** What users may write for each option, and what it means in a plan. */
  const VALUES: Readonly<Record<string, readonly [text: string, value: unknown]>> = {
    frames: ['1-10,20', '1-10,20'],
    scene: ['Übung', 'Übung'],
    camera: ['Cam A,Cam B', 'Cam A,Cam B'],
    framesPerSlice: ['5', 5],
    resolutionPercent: ['50', 50],
    samples: ['128', 128],
    engine: ['Eevee', 'BLENDER_EEVEE'],
    device: ['gpu', 'GPU'],
    threads: ['4', 4],
    persistentData: ['Off', 'off'],
    video: ['AV1', 'av1'],
    background: ['1A2B3C', '1a2b3c'],
    gaps: ['mark', 'mark'],
    order: ['spread', 'spread'],
    force: ['true', true],
    allowScripts: ['true', true],
  };
  const read = (...argv: string[]) => {
    const command = withShotOptions(new Command('render').exitOverride());
    return renderOptionsOf(command.parse(argv, { from: 'user' }).opts());
  };

  test.each(OPTION_NAMES.filter((name) => name !== 'ocio'))(
    'the flag of %s means the same as the key in upload metadata',
    (name) => {
      const [text, value] = VALUES[name]!;
      const word = wordOf(name);
      const flag = RENDER_OPTIONS[name].argument === undefined ? [`--${word}`] : [`--${word}`, text];
      expect(read(...flag)).toEqual({ [name]: value });
      expect(parseUploadMetadata({ [word]: text }).options).toEqual({ [name]: value });
    },
  );

  test.each(OPTION_NAMES.filter((name) => name !== 'ocio' && RENDER_OPTIONS[name].argument !== undefined))(
    'the flag of %s refuses an empty text and names its limits',
    (name) => {
      expect(() => read(`--${wordOf(name)}`, '')).toThrow(
        `--${wordOf(name)}  is invalid: give ${RENDER_OPTIONS[name].limits}`,
      );
    },
  );

  test('the flag of frames refuses an invalid range', () => {
    expect(() => read('--frames', 'all')).toThrow('"all" is not a frame or range');
  });

  test('a repeated --camera means several cameras', () => {
    expect(read('--camera', 'A', '--camera', 'B')).toEqual({ camera: 'A,B' });
  });
});
