import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { BlendContents } from '../../core/scene/contents/blend-contents';
import { readBlendContents } from '../../core/scene/contents/read-contents';
import { needsScripts } from '../../core/scene/contents/scripts';
import { bytesSource } from '../support/counting-source';
import { fewOrAll } from '../support/heavy';

// Asks the real Blender (3.4, on the PATH) for what Spotreel reads from the file by itself.

const run = promisify(execFile);
const FIXTURES = join(__dirname, '../fixtures/blend-contents');

/** What Blender's own interface reports of its open file, in the words of `BlendContents`. */
const ASK = `
import bpy, json, re

def extent(source):
    return {"SEQUENCE": "sequence", "TILED": "tiles"}.get(source, "file")

needed = []
def need(kind, path, extent="file", packed=False):
    if path and [kind, extent, path, packed] not in needed:
        needed.append([kind, extent, path, packed])

for image in bpy.data.images:
    if image.source not in ("GENERATED", "VIEWER"):
        need("image", image.filepath, extent(image.source), bool(image.packed_file or image.packed_files))
for font in bpy.data.fonts:
    if font.filepath != "<builtin>":
        need("font", font.filepath, packed=bool(font.packed_file))
for sound in bpy.data.sounds:
    need("sound", sound.filepath, packed=bool(sound.packed_file))
for clip in bpy.data.movieclips:
    need("movie-clip", clip.filepath, extent(clip.source))
for volume in bpy.data.volumes:
    need("volume", volume.filepath, "sequence" if volume.is_sequence else "file", bool(volume.packed_file))
for cache in bpy.data.cache_files:
    need("cache-file", cache.filepath, "sequence" if cache.is_sequence else "file")
for library in bpy.data.libraries:
    if library.parent is None:
        need("library", library.filepath, packed=bool(library.packed_file))
for tree in [thing.node_tree for thing in [*bpy.data.materials, *bpy.data.lights] if thing.node_tree]:
    for node in tree.nodes:
        if node.type in ("TEX_IES", "SCRIPT") and node.mode == "EXTERNAL":
            need("ies" if node.type == "TEX_IES" else "osl", node.filepath)
for scene in bpy.data.scenes:
    if not (scene.sequence_editor and scene.render.use_sequencer):
        continue
    for strip in scene.sequence_editor.sequences_all:
        if strip.type == "MOVIE":
            need("strip", strip.filepath)
        elif strip.type == "IMAGE":
            names = [element.filename for element in strip.elements]
            numbered = len(names) > 1 and len({re.sub(r"[0-9]+(?=[^0-9]*$)", "#", name) for name in names}) == 1
            for name in names[:1] if numbered else names:
                need("strip", strip.directory + name, "sequence" if numbered else "file")

unbaked = []
def simulate(kind, what, cache):
    if cache.use_external:
        need("point-cache", cache.filepath, "folder")
    elif cache.is_baked and cache.use_disk_cache:
        need("point-cache", "//blendcache_%s/" % bpy.path.display_name_from_filepath(bpy.data.filepath), "folder")
    if what and not (cache.is_baked or cache.use_external):
        unbaked.append([kind, what])

bodies = []
for thing in bpy.data.objects:
    if thing.library:
        continue
    where = ' of object "%s"' % thing.name
    for modifier in thing.modifiers:
        what = 'modifier "%s"%s' % (modifier.name, where) if modifier.show_render else None
        if modifier.type == "MESH_CACHE":
            need("mesh-cache", modifier.filepath)
        elif modifier.type == "OCEAN" and modifier.is_cached:
            need("ocean-cache", modifier.filepath, "folder")
        elif modifier.type == "MULTIRES" and modifier.is_external:
            need("custom-data", modifier.filepath)
        elif modifier.type in ("CLOTH", "SOFT_BODY"):
            simulate(modifier.type.lower().replace("_", "-"), what, modifier.point_cache)
        elif modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
            for surface in modifier.canvas_settings.canvas_surfaces:
                onto = what if surface.surface_format == "VERTEX" and surface.is_active else None
                simulate("dynamic-paint", onto and 'surface "%s" of %s' % (surface.name, onto), surface.point_cache)
        elif modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
            settings = modifier.domain_settings
            if settings.has_cache_baked_data:
                need("fluid-cache", settings.cache_directory, "folder")
            elif what:
                unbaked.append(["smoke" if settings.domain_type == "GAS" else "fluid", what])
        elif modifier.type == "PARTICLE_SYSTEM":
            system = modifier.particle_system
            settings = system.settings
            moves = settings.type == "EMITTER" and settings.physics_type in ("NEWTON", "BOIDS", "FLUID")
            moves = moves or (settings.type == "HAIR" and system.use_hair_dynamics)
            label = 'particle system "%s"%s' % (system.name, where)
            simulate("particles", label if what and moves else None, system.point_cache)
    if thing.rigid_body and thing.rigid_body.type == "ACTIVE":
        bodies.append(thing)
for scene in bpy.data.scenes:
    if scene.rigidbody_world:
        label = 'rigid body world of scene "%s"' % scene.name
        simulate("rigid-body", label if bodies else None, scene.rigidbody_world.point_cache)

outputs = []
for scene in bpy.data.scenes:
    if scene.use_nodes and scene.render.use_compositing:
        outputs += [node.base_path for node in scene.node_tree.nodes if node.type == "OUTPUT_FILE" and not node.mute]
modules = []
for scene in bpy.data.scenes:
    for layer in scene.view_layers:
        settings = layer.freestyle_settings
        if scene.render.use_freestyle and settings.mode == "SCRIPT":
            modules += [module.script.name for module in settings.modules if module.use and module.script]

bpy.context.scene.frame_set(2)
bpy.context.evaluated_depsgraph_get().update()
refused = []
for thing in bpy.data.objects:
    for curve in thing.animation_data.drivers if thing.animation_data else []:
        if curve.driver.type == "SCRIPTED" and not curve.driver.is_valid:
            refused.append(curve.driver.expression)
linked = sorted(
    [thing.library.filepath, kind, thing.name]
    for kind, things in [("OB", bpy.data.objects), ("MA", bpy.data.materials)]
    for thing in things
    if thing.library
)
print("ASKED " + json.dumps(dict(
    needed=sorted(needed), unbaked=sorted(unbaked), outputs=sorted(outputs), modules=sorted(modules),
    refused=sorted(refused), linked=linked)))
`;

interface Asked {
  readonly needed: readonly unknown[];
  readonly unbaked: readonly unknown[];
  readonly outputs: readonly string[];
  readonly modules: readonly string[];
  readonly refused: readonly string[];
  readonly linked: readonly unknown[];
}

/** `-Y` keeps scripts from running, `-y` lets them. */
async function blender(file: string, scripts: '-y' | '-Y', python: string): Promise<string> {
  const expression = ['--python-exit-code', '1', '--python-expr', python];
  const { stdout } = await run('blender', ['-b', '--factory-startup', scripts, file, ...expression]);
  return stdout;
}

async function ask(file: string, scripts: '-y' | '-Y' = '-Y'): Promise<Asked> {
  const stdout = await blender(file, scripts, ASK);
  const line = stdout.split('\n').find((text) => text.startsWith('ASKED '));
  return JSON.parse(line!.slice('ASKED '.length));
}

const read = async (file: string): Promise<BlendContents> =>
  readBlendContents(bytesSource(await readFile(file), basename(file)));

/** As Python sorts lists: by their texts' code units, which are plain ASCII here but for one. */
const sorted = <T>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blend-contents-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A copy, beside which Blender may leave its caches. */
async function fixture(name: string): Promise<string> {
  const file = join(folder, name);
  await copyFile(join(FIXTURES, name), file);
  return file;
}

describe('readBlendContents agrees with Blender', () => {
  const NAMES = ['images', 'files', 'strips', 'scripts', 'unbaked', 'baked'];
  test.each(fewOrAll('reader', NAMES, (name) => ['files', 'strips', 'scripts'].includes(name)))(
    'on %s.blend',
    async (name) => {
      const file = await fixture(`${name}.blend`);
      const [contents, asked] = await Promise.all([read(file), ask(file)]);
      const { dependencies, unbaked, scripts, fileOutputs } = contents;
      expect({
        // Blender on Linux turns backslashes round as it opens a file.
        needed: sorted(
          dependencies.map(({ kind, extent, path, packed }) => [
            kind,
            extent,
            path.replaceAll('\\', '/'),
            packed,
          ]),
        ),
        unbaked: sorted(unbaked.map(({ kind, what }) => [kind, what])),
        outputs: sorted(fileOutputs.map(({ path }) => path)),
        modules: sorted(scripts.freestyleModules),
        refused: scripts.driverExpressions,
        linked: sorted(
          dependencies.flatMap(({ path, linked }) =>
            (linked ?? []).map((id) => [path, id.slice(0, 2), id.slice(2)]),
          ),
        ),
      }).toEqual({
        ...asked,
        needed: sorted(asked.needed),
        unbaked: sorted(asked.unbaked),
        refused: asked.refused.length,
        linked: sorted(asked.linked),
      });
    },
  );
});

test('Blender runs exactly the reported texts', async () => {
  const file = await fixture('scripts.blend');
  const [contents, allowed, refused] = await Promise.all([
    read(file),
    blender(file, '-y', 'pass'),
    blender(file, '-Y', 'pass'),
  ]);
  const ran = [...allowed.matchAll(/^ran (.*)$/gm)].map((match) => match[1]);
  expect(ran).toEqual(contents.scripts.texts);
  expect(refused).not.toContain('ran ');
});

describe('drivers that need scripts', () => {
  /** Not `range(…)` and the like as such, but what else could be taken for harmless or not. */
  const EXPRESSIONS = [
    'var * 2 + sin(frame / 10)',
    'abs(var)',
    'abs(var) ** 2',
    'fabs(var) ** 2',
    'round(var, ndigits=2)',
    'clamp(var)',
    'clamp(var, 0, 1)',
    'lerp(0, var, 0.5) if var else smoothstep(0, 1, var)',
    'log(8, 2) + .5e1 + 1e-3 - 2.',
    'min(1, 2, 3) or max(var, 1) and not var',
    '1 < var <= 2 != 3',
    'pi if True else False',
    'var % 2 // 1',
    'len("abc")',
    "len('a.b') # var.real",
    'float("1.5")',
    'var in (1, 2)',
    '1 if var is None else 2',
    '[1, 2][0:1][0]',
    '{1: 2}[1]',
    '0x10 + 1_000',
    'tau * e',
    'var.real',
    '1.5.real',
    'range(3)[1]',
    'int(str(1))',
    'sorted([2, 1])[0]',
    '(lambda: 1)()',
    '[x for x in (1, 2)][0]',
    'max(*[1, 2])',
    '(other := 2)',
    "len(f'{var}')",
    "f'{var}' == '1'",
    'bpy.app.version[0]',
    'noise.random()',
    'depsgraph.scene.frame_current',
    'len(dir())',
    'eval("1")',
  ];

  test('are those that Blender evaluates only with scripts', async () => {
    const file = join(folder, 'drivers.blend');
    await run('blender', [
      ...['-b', '--factory-startup', '--python-exit-code', '1', '--python-expr'],
      `
import bpy
thing = bpy.data.objects.new("Driven", None)
bpy.context.scene.collection.objects.link(thing)
for index, expression in enumerate(${JSON.stringify(EXPRESSIONS)}):
    thing["p%d" % index] = 0.0
    driver = thing.driver_add('["p%d"]' % index).driver
    variable = driver.variables.new()
    variable.targets[0].id = thing
    variable.targets[0].data_path = "location.x"
    driver.expression = expression
bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(file)})
`,
    ]);
    const [contents, without, allowed] = await Promise.all([read(file), ask(file), ask(file, '-y')]);
    // With scripts, all of them are right.
    expect(allowed.refused).toEqual([]);
    const expected = EXPRESSIONS.filter((expression) => needsScripts(expression, ['var']));
    expect(expected.toSorted()).toEqual(without.refused.toSorted());
    expect(contents.scripts.driverExpressions).toBe(without.refused.length);
    expect(expected.length).toBeGreaterThan(10);
  });
});
