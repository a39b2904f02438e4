import { isSimpleExpression } from './simple-expression';

/** What Blender lets Python look up where scripts are not allowed (its `bpy_driver.cc`), and all of Python's `math`. */
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
 * Whether Blender refuses to work out a driver's expression where scripts may not run. It works out simple ones by itself,
 * and lets Python work out others as long as they use a few known names, and neither members, functions of their own
 * (`lambda`, comprehensions) nor formatted strings. An expression that is wrong fails either way. `variables` are the
 * names of the driver's own.
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
      // A name with `=` behind it is that of an argument.
      const isArgument = name.endsWith('=');
      if (previous === '.' || (!isArgument && !ALLOWED.has(name) && !variables.includes(name))) return false;
    }
    previous = token;
  }
  return true;
}
