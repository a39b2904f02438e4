import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describeProgram, explain, explanationOf } from '../../../cli/help';
import { buildProgram } from '../../../cli/main';

const program = buildProgram(async () => undefined);

test('docs/cli.md is what the command line says of itself; "npm run docs" writes it anew', () => {
  const written = readFileSync(join(__dirname, '../../../docs/cli.md'), 'utf8');
  expect(written).toBe(describeProgram(program));
});

test('who reports something can say of which version it is', () => {
  expect(program.version()).toMatch(/^\d+\.\d+\.\d+$/);
});

test('every command has examples of itself and tells its exit codes, in order', () => {
  expect(program.commands.length).toBeGreaterThan(5);
  for (const command of program.commands) {
    const { examples, exitCodes } = explanationOf(command);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toMatch(new RegExp(`^spotreel ${command.name()}\\b`));
    const codes = exitCodes.map(([code]) => code);
    expect(codes).toEqual(codes.toSorted((a, b) => a - b));
    expect(codes).toEqual(expect.arrayContaining([0, 1, 2]));
  }
});

test('help shows exit codes and examples after the options', () => {
  let shown = '';
  const parent = new Command('spotreel').exitOverride();
  const command = parent.command('look').configureOutput({ writeOut: (text) => (shown += text) });
  explain(command, {
    notes: 'A note.',
    exitCodes: [
      [0, 'seen'],
      [130, 'interrupted'],
    ],
    examples: ['spotreel look'],
  });
  command.outputHelp();
  expect(shown).toMatch(
    /\nA note\.\n\nExit codes:\n {2}0 {4}seen\n {2}130 {2}interrupted\n\nExamples:\n {2}spotreel look\n/,
  );
});

test('of a command that nobody explained there is nothing to tell', () => {
  expect(() => describeProgram(new Command('spotreel').addCommand(new Command('mute')))).toThrow('mute');
});
