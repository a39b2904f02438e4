import { encodePicture, inRoom, makeRoom, pictureProtocol } from '../../../cli/picture';

describe('encodePicture', () => {
  const ESC = '\x1b';

  test('writes one sequence with the size in bytes and lines for iTerm2', () => {
    expect(encodePicture(Buffer.from('picture'), 10, 'iterm2')).toBe(
      `${ESC}]1337;File=inline=1;size=7;width=auto;height=10;preserveAspectRatio=1:cGljdHVyZQ==\x07`,
    );
  });

  test('writes a small picture for kitty in one sequence that keeps the cursor in place', () => {
    expect(encodePicture(Buffer.from('picture'), 10, 'kitty')).toBe(
      `${ESC}_Ga=T,f=100,i=7768,r=10,q=2,C=1,m=0;cGljdHVyZQ==${ESC}\\`,
    );
  });

  test.each([
    [3072, [4096]],
    [3073, [4096, 4]],
    [10_000, [4096, 4096, 4096, 1048]],
  ])('splits %i bytes for kitty into pieces of at most 4,096 characters', (size, lengths) => {
    const bytes = Buffer.alloc(size, 0xa5);
    const pieces = encodePicture(bytes, 4, 'kitty').split(`${ESC}\\`).slice(0, -1);
    for (const piece of pieces) expect(piece.startsWith(`${ESC}_G`)).toBe(true);
    const parsed = pieces.map((piece) => /^([^;]*);([A-Za-z0-9+/=]*)$/.exec(piece.slice(3))!);
    expect(parsed.map(([, keys]) => keys!.split(',').at(-1))).toEqual(
      lengths.map((_, i) => (i < lengths.length - 1 ? 'm=1' : 'm=0')),
    );
    // Only the first says what it is.
    for (const [, keys] of parsed.slice(1)) expect(keys).toMatch(/^m=[01]$/);
    const base64 = parsed.map(([, , part]) => part!);
    expect(base64.map(({ length }) => length)).toEqual(lengths);
    expect(Buffer.from(base64.join(''), 'base64').equals(bytes)).toBe(true);
  });

  test.each(['iterm2', 'kitty'] as const)('lets no byte of a picture end the sequence of %s', (protocol) => {
    const hostile = Buffer.from(`\x07${ESC}\\${ESC}]0;title\x07${ESC}c\n`);
    const sequence = encodePicture(hostile, 4, protocol);
    const body = protocol === 'kitty' ? sequence.slice(2, -2) : sequence.slice(2, -1);
    expect(body).toMatch(/^[\x20-\x7e]+$/);
  });

  test('writes only the given part of a larger buffer', () => {
    const whole = Buffer.from('secret picture secret');
    expect(encodePicture(whole.subarray(7, 14), 4, 'iterm2')).toContain(':cGljdHVyZQ==\x07');
  });

  test('draws in its room and returns the cursor', () => {
    expect(makeRoom(3)).toBe('\n\n\n');
    expect(inRoom('PICTURE', 3)).toBe(`${ESC}7${ESC}[3A\rPICTURE${ESC}8`);
  });
});

describe('pictureProtocol', () => {
  test.each<[string, NodeJS.ProcessEnv, ReturnType<typeof pictureProtocol>]>([
    ['kitty', { TERM: 'xterm-kitty', KITTY_WINDOW_ID: '1' }, 'kitty'],
    ['kitty, by ssh', { TERM: 'xterm-kitty' }, 'kitty'],
    ['kitty with another TERM', { TERM: 'xterm-256color', KITTY_WINDOW_ID: '1' }, 'kitty'],
    ['Ghostty', { TERM: 'xterm-ghostty', TERM_PROGRAM: 'ghostty' }, 'kitty'],
    ['iTerm2', { TERM: 'xterm-256color', TERM_PROGRAM: 'iTerm.app' }, 'iterm2'],
    ['iTerm2, by ssh', { TERM: 'xterm-256color', LC_TERMINAL: 'iTerm2' }, 'iterm2'],
    ['WezTerm', { TERM: 'xterm-256color', TERM_PROGRAM: 'WezTerm' }, 'iterm2'],
    ['Terminal.app', { TERM: 'xterm-256color', TERM_PROGRAM: 'Apple_Terminal' }, undefined],
    [
      'an editor that was started from kitty',
      { TERM: 'xterm-256color', TERM_PROGRAM: 'vscode', KITTY_WINDOW_ID: '1' },
      undefined,
    ],
    ['tmux in kitty', { TERM: 'tmux-256color', TMUX: '/tmp/tmux', KITTY_WINDOW_ID: '1' }, undefined],
    ['screen in iTerm2', { TERM: 'screen', STY: '1.x', LC_TERMINAL: 'iTerm2' }, undefined],
    ['no terminal', {}, undefined],
  ])('is right for %s', (_, environment, protocol) => expect(pictureProtocol(environment)).toBe(protocol));
});
