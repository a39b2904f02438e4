/** What Blender 3.4 knows without Python, and with how many arguments each. */
const FUNCTIONS: Readonly<Record<string, readonly number[] | 'any'>> = {
  ...Object.fromEntries(
    'radians degrees abs fabs floor ceil trunc round int sin cos tan asin acos atan exp log sqrt clamp'
      .split(' ')
      .map((name) => [name, [1]]),
  ),
  ...Object.fromEntries('atan2 pow fmod'.split(' ').map((name) => [name, [2]])),
  log: [1, 2],
  clamp: [1, 3],
  lerp: [3],
  smoothstep: [3],
  min: 'any',
  max: 'any',
};
const CONSTANTS: readonly string[] = ['pi', 'True', 'False', 'frame'];
const KEYWORDS: readonly string[] = ['and', 'or', 'not', 'if', 'else'];

const TOKEN = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|([!=<>]=|[-+*/()<>,])|(\S))/y;

/**
 * Whether a driver's expression is one of those that Blender works out by itself, so that it holds even where scripts
 * may not run. `variables` are the names of the driver's own.
 *
 * The grammar is the part of Python's that the manual lists under "Simple Expressions": numbers, variables, `frame`, a
 * few functions and constants, `+ - * /`, comparisons, `and`, `or`, `not` and `… if … else …`.
 */
export function isSimpleExpression(expression: string, variables: readonly string[]): boolean {
  const tokens = tokensOf(expression);
  return tokens !== undefined && new Grammar(tokens, variables).isWhole();
}

/** `undefined` where there is something that is none. */
function tokensOf(expression: string): string[] | undefined {
  const tokens: string[] = [];
  const text = expression.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const [, number, name, sign] = TOKEN.exec(text) ?? [];
    const token = number ?? name ?? sign;
    // Python has no octal numbers that start with 0, and Blender holds to that.
    if (token === undefined || /^0\d*[1-9]\d*$/.test(token)) return undefined;
    tokens.push(token);
  }
  return tokens;
}

/** Goes down through the grammar; each method takes what it is named after and tells whether it was there. */
class Grammar {
  readonly #tokens: readonly string[];
  readonly #variables: readonly string[];
  #position = 0;

  constructor(tokens: readonly string[], variables: readonly string[]) {
    this.#tokens = tokens;
    this.#variables = variables;
  }

  isWhole(): boolean {
    return this.#expression() && this.#position === this.#tokens.length;
  }

  #expression(): boolean {
    if (!this.#or()) return false;
    return !this.#take('if') || (this.#or() && this.#take('else') && this.#expression());
  }

  #or(): boolean {
    return this.#chain(() => this.#and(), ['or']);
  }

  #and(): boolean {
    return this.#chain(() => this.#not(), ['and']);
  }

  #not(): boolean {
    return this.#take('not') ? this.#not() : this.#comparison();
  }

  #comparison(): boolean {
    return this.#chain(() => this.#sum(), ['==', '!=', '<', '<=', '>', '>=']);
  }

  #sum(): boolean {
    return this.#chain(() => this.#product(), ['+', '-']);
  }

  #product(): boolean {
    return this.#chain(() => this.#unary(), ['*', '/']);
  }

  #unary(): boolean {
    if (this.#take('+') || this.#take('-')) return this.#unary();
    if (this.#take('(')) return this.#expression() && this.#take(')');
    const token = this.#tokens[this.#position];
    if (token === undefined || KEYWORDS.includes(token) || !/^[\w.]/.test(token)) return false;
    this.#position += 1;
    if (/^[\d.]/.test(token) || CONSTANTS.includes(token) || this.#variables.includes(token)) return true;
    const counts = Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token]! : [];
    const count = this.#arguments();
    return count > 0 && (counts === 'any' || counts.includes(count));
  }

  /** How many there are, in parentheses; 0 where it is no such list. */
  #arguments(): number {
    if (!this.#take('(')) return 0;
    let count = 0;
    do {
      if (!this.#expression()) return 0;
      count += 1;
    } while (this.#take(','));
    return this.#take(')') ? count : 0;
  }

  #chain(part: () => boolean, signs: readonly string[]): boolean {
    do if (!part()) return false;
    while (signs.some((sign) => this.#take(sign)));
    return true;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#position] !== token) return false;
    this.#position += 1;
    return true;
  }
}
