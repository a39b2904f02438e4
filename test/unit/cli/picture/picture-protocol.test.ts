import { pictureProtocol } from '../../../../cli/picture/picture-protocol';

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
])('%s', (_, environment, protocol) => expect(pictureProtocol(environment)).toBe(protocol));
