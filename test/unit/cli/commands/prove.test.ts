import { Command } from 'commander';
import { addProve } from '../../../../cli/commands/prove';

/** Reads a command line of `prove`, and runs nothing. */
function parse(...args: string[]): Command {
  const command = new Command('prove').exitOverride().configureOutput({ writeErr: () => undefined });
  addProve(command, async () => undefined);
  return command.parse(args, { from: 'user' });
}

test('prove waits for up to 14 minutes', () => {
  expect(parse('--minutes', '14').opts()).toMatchObject({ minutes: 14 });
});

test('prove refuses a wait after whose end its jobs may have ended by themselves', () => {
  expect(() => parse('--minutes', '15')).toThrow('It must be at most 14');
});
