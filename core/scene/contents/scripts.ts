import type { ContentsPart, ContentsCollector } from './collector';

/** Functions that Blender 3.4 knows without Python, with their numbers of arguments. */
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

const SIMPLE_TOKEN =
  /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|([!=<>]=|[-+*/()<>,])|(\S))/y;

/**
 * Whether Blender evaluates a driver's expression itself, so that it works without scripts. `variables` are the names of the
 * driver's variables.
 *
 * The grammar is "Simple Expressions" in Blender's manual: numbers, variables, `frame`, a few functions and constants, `+ - *
 * /`, comparisons, `and`, `or`, `not` and `… if … else …`.
 */
function isSimpleExpression(expression: string, variables: readonly string[]): boolean {
  const tokens = tokensOf(expression);
  return tokens !== undefined && new Grammar(tokens, variables).isWhole();
}

/** `undefined` if something is not a token. */
function tokensOf(expression: string): string[] | undefined {
  const tokens: string[] = [];
  const text = expression.trimEnd();
  SIMPLE_TOKEN.lastIndex = 0;
  while (SIMPLE_TOKEN.lastIndex < text.length) {
    const [, number, name, sign] = SIMPLE_TOKEN.exec(text) ?? [];
    const token = number ?? name ?? sign;
    // Python rejects octal numbers with a leading 0, and so does Blender.
    if (token === undefined || /^0\d*[1-9]\d*$/.test(token)) return undefined;
    tokens.push(token);
  }
  return tokens;
}

/** A recursive descent parser: each method consumes what it is named after and returns whether it was present. */
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

  /** The number of arguments in parentheses; 0 if there is no such list. */
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

/** Names that Blender lets Python look up without scripts (its `bpy_driver.cc`), with all of Python's `math`. */
const ALLOWED: ReadonlySet<string> = new Set(
  (
    'all any len max min pow round sum bool float int clamp lerp smoothstep frame self depsgraph bpy noise ' +
    'acos acosh asin asinh atan atan2 atanh ceil comb copysign cos cosh degrees dist e erf erfc exp expm1 fabs ' +
    'factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp lgamma log ' +
    'log10 log1p log2 modf nan nextafter perm pi prod radians remainder sin sinh sqrt tan tanh tau trunc ulp ' +
    'and or not if else in is None True False'
  ).split(' '),
);

const TOKEN =
  /(#.*)|((\w*)(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))|(\d\w*\.?\w*(?:(?<=[eE])[-+]\d+)?|\.\d\w*)|([^\W\d]\w*(?:\s*=(?!=))?)|(\S)/gu;

/**
 * Whether Blender refuses to evaluate a driver's expression without scripts. It evaluates simple ones itself. Python may
 * evaluate others that use only a few known names: no members, own functions (`lambda`, comprehensions) or formatted strings. A
 * wrong expression fails either way. `variables` are the names of the driver's variables.
 */
export function needsScripts(expression: string, variables: readonly string[]): boolean {
  return !isSimpleExpression(expression, variables) && !isAllowed(expression, variables);
}

function isAllowed(expression: string, variables: readonly string[]): boolean {
  let previous = '';
  for (const [token, comment, string, prefix, number, name] of expression.matchAll(TOKEN)) {
    if (comment !== undefined) continue;
    if (string !== undefined && /f/i.test(prefix!)) return false;
    const spreads = token === '*' && (previous === '(' || previous === ',');
    const assigns = token === '=' && previous === ':';
    if (spreads || assigns) return false;
    if (name !== undefined && string === undefined && number === undefined) {
      // A name before `=` is that of an argument.
      const isArgument = name.endsWith('=');
      if (previous === '.' || (!isArgument && !ALLOWED.has(name) && !variables.includes(name))) return false;
    }
    previous = token;
  }
  return true;
}

/** `TXT_ISSCRIPT` of `Text.flags`, in Blender's `DNA_text_types.h`. */
const REGISTERED = 1 << 4;

/** `ChannelDriver.type` in `DNA_anim_types.h`. */
const PYTHON = 1;

/** `R_EDGE_FRS` of `Scene.r.mode`, and `FreestyleConfig.mode`, in `DNA_scene_types.h` and `DNA_freestyle_types.h`. */
const USES_FREESTYLE = 1 << 25;
const BY_SCRIPTS = 1;

/** As `is_unsafe` in `container/worker/blender/scripts_off.py`. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\\\u0000-\u001f]/;

/** `CAM_CUSTOM` of `Camera.type` in `DNA_camera_types.h`: an OSL shader creates its rays. */
const CUSTOM_CAMERA = 3;

const MAX_VARIABLES = 256;

interface Driver {
  readonly expression: string;
  readonly variables: string[];
}

/**
 * Scripts that a file would run. Freestyle modules run only in scenes that use Freestyle in script mode; names of line sets
 * only in its other mode.
 */
export function scripts(collector: ContentsCollector): ContentsPart {
  let driver: Driver | undefined;
  let usesFreestyle = false;
  let byScripts = false;
  const texts = new Map<bigint, string>();
  const modules: bigint[] = [];

  const settleDriver = (): void => {
    if (driver !== undefined && needsScripts(driver.expression, driver.variables)) {
      collector.addDriverExpression();
    }
    driver = undefined;
  };
  const readName: ContentsPart['structs'][string] = (fields) => {
    const name = fields.text('name');
    if (usesFreestyle && !byScripts && UNSAFE.test(name)) collector.addUnsafeName(name);
  };
  const readLayer: ContentsPart['structs'][string] = (fields, place) => {
    byScripts = fields.number('freestyle_config.mode', 'freestyleConfig.mode') === BY_SCRIPTS;
    readName(fields, place);
  };

  return {
    structs: {
      Text(fields, { owner }) {
        const { name, address } = owner;
        if (collector.mayKeep(name)) texts.set(address, name);
        if ((fields.number('flags') & REGISTERED) !== 0) collector.addText(name);
      },
      // A linked text has only its name here.
      ID(fields, { owner }) {
        const name = fields.text('name');
        if (name.startsWith('TX') && collector.mayKeep(name)) texts.set(owner.address, name.slice(2));
      },
      NodeShaderScript(_, { owner }) {
        collector.addScriptNode(owner.label);
      },
      Camera(fields, { owner }) {
        if (fields.number('type') === CUSTOM_CAMERA) collector.addScriptNode(owner.label);
      },
      ChannelDriver(fields) {
        settleDriver();
        const expression = fields.text('expression');
        // An empty expression is 0, without Python.
        if (fields.number('type') === PYTHON && expression !== '') driver = { expression, variables: [] };
      },
      // The variables of a driver follow it.
      DriverVar(fields) {
        if (driver !== undefined && driver.variables.length < MAX_VARIABLES) {
          driver.variables.push(fields.text('name'));
        }
      },
      Scene(fields) {
        usesFreestyle = (fields.number('r.mode') & USES_FREESTYLE) !== 0;
      },
      ViewLayer: readLayer,
      SceneRenderLayer: readLayer,
      FreestyleLineSet: readName,
      // The modules of a layer follow it.
      FreestyleModuleConfig(fields) {
        const runs = usesFreestyle && byScripts && fields.number('is_displayed') !== 0;
        if (runs && collector.mayKeep()) modules.push(fields.pointer('script'));
      },
    },
    ownerEnds() {
      settleDriver();
      usesFreestyle = false;
      byScripts = false;
    },
    fileEnds() {
      for (const address of modules) {
        const name = texts.get(address);
        if (name !== undefined) collector.addFreestyleModule(name);
      }
    },
  };
}
