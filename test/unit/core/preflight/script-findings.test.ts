import type { BlendContents } from '../../../../core/blend/contents/blend-contents';
import type { RenderOptions } from '../../../../core/contract/options';
import { SpotreelError } from '../../../../core/errors';
import { preflight, refuseErrors, type PreflightInput } from '../../../../core/preflight/preflight';
import { contents, CountingStorage, dependency, examine, facts, putAll } from '../../../support/made-scenes';

const FILE = 's3://films/uploads/film/shot.blend';

const SCRIPTS: BlendContents['scripts'] = {
  texts: ['rig.py'],
  driverExpressions: 2,
  freestyleModules: ['f.py'],
  unsafeNames: ['a\\'],
  scriptNodes: ['material "Wood"'],
};

const SCRIPT_CODES = [
  'warning scripts-off',
  'warning drivers-off',
  'warning freestyle-scripts',
  'warning freestyle-names',
  'warning osl-scripts',
];

interface Case {
  /** Of the scene. */
  readonly scripts?: BlendContents['scripts'];
  /** Of a library, of which something is linked or nothing. */
  readonly library?: { readonly scripts: BlendContents['scripts']; readonly linked: readonly string[] };
  readonly options?: RenderOptions;
  readonly placeFaults?: PreflightInput['placeFaults'];
}

async function check({ scripts, library, options = {}, placeFaults = [] }: Case) {
  const storage = new CountingStorage();
  if (library) {
    const held = JSON.stringify(contents([], { scripts: library.scripts }));
    await putAll(storage, { 'uploads/film/lib.blend': held });
  }
  const needed = library
    ? [dependency('//lib.blend', { kind: 'library', usedBy: ['library "lib"'], linked: library.linked })]
    : [];
  const held = contents(needed, scripts && { scripts });
  const examination = await examine('uploads/film/shot.blend', held, storage, facts());
  return preflight(examination, { file: FILE, options, place: 'farm', hasDisplay: false, placeFaults });
}

const codes = async (one: Case) =>
  (await check(one)).findings.map(({ severity, code }) => `${severity} ${code}`);

test('scripts of every kind are reported by a code of their own', async () => {
  expect(await codes({ scripts: SCRIPTS })).toEqual(SCRIPT_CODES);
});

test('scripts that are allowed are reported as running', async () => {
  expect(await codes({ scripts: SCRIPTS, options: { allowScripts: true } })).toEqual(['warning scripts-run']);
});

test('a scene without scripts is not reported where they are allowed', async () => {
  expect(await codes({ options: { allowScripts: true } })).toEqual([]);
});

describe('scripts of a linked library', () => {
  const library = { scripts: SCRIPTS, linked: ['SCEvil'] };

  test('are reported by the same codes, with the library', async () => {
    const { findings } = await check({ library });
    expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual(SCRIPT_CODES);
    for (const { message } of findings)
      expect(message).toContain('of library memory://films/uploads/film/lib.blend');
  });

  test('are not reported where nothing is linked from it', async () => {
    expect(await codes({ library: { ...library, linked: [] } })).toEqual([]);
  });

  test('are reported as running where scripts are allowed', async () => {
    const { findings } = await check({ library, options: { allowScripts: true } });
    expect(findings).toEqual([expect.objectContaining({ code: 'scripts-run', severity: 'warning' })]);
    expect(findings[0]?.message).toContain('Freestyle style module "f.py"');
  });
});

test('a script that does not run is reported with the flag that lets it run', async () => {
  const scripts = { ...SCRIPTS, texts: ['a\u001b[31m.py'], driverExpressions: 0 };
  const { findings } = await check({ scripts });
  expect(findings[0]?.message).toBe(
    'registered text "a\\u001b[31m.py" does not run: Spotreel renders without it; render with --allow-scripts if you trust this scene',
  );
});

test('a farm that does not allow scripts refuses a scene that asks for them, also by force', async () => {
  const placeFaults = [new SpotreelError('scripts-refused', 'usage', 'this farm does not allow scripts')];
  const checked = await check({ placeFaults, options: { allowScripts: true, force: true } });
  expect(() => refuseErrors(checked, FILE)).toThrow(
    expect.objectContaining({ code: 'scripts-refused', kind: 'usage' }),
  );
});
