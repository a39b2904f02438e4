/** How a terminal is sent a picture. */
export type PictureProtocol = 'iterm2' | 'kitty';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * By which protocol the terminal of this environment shows pictures; `undefined` where it is not known to show any. None is
 * asked: an answer would come where a user types. Within tmux and screen none, as they hand on no such sequence. Pure.
 */
export function pictureProtocol(environment: Environment): PictureProtocol | undefined {
  const { TERM = '', TERM_PROGRAM = '', TMUX, STY, KITTY_WINDOW_ID, LC_TERMINAL } = environment;
  if (TMUX !== undefined || STY !== undefined || /^(tmux|screen|dumb)/.test(TERM)) return undefined;
  if (TERM === 'xterm-kitty' || TERM === 'xterm-ghostty' || TERM_PROGRAM === 'ghostty') return 'kitty';
  if (TERM_PROGRAM === 'iTerm.app' || TERM_PROGRAM === 'WezTerm') return 'iterm2';
  // The terminal in which ssh was called, which hands on no TERM_PROGRAM.
  if (LC_TERMINAL === 'iTerm2') return 'iterm2';
  // Other terminals that were started from kitty inherit this one, but have a TERM_PROGRAM of their own, if any.
  return KITTY_WINDOW_ID !== undefined && TERM_PROGRAM === '' ? 'kitty' : undefined;
}
