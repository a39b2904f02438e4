import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScene } from '../support/blender';
import { onlyRender, sliceReports } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();

/** A texture that is missing in all frames. */
const MISSING = `
material = bpy.data.objects['Cube'].data.materials[0]
image = bpy.data.images.new('gone', 4, 4)
image.source = 'FILE'
image.filepath = '//tex/gone.png'
node = material.node_tree.nodes.new('ShaderNodeTexImage')
node.image = image
material.node_tree.links.new(node.outputs[0], material.node_tree.nodes['Principled BSDF'].inputs['Base Color'])
`;

const WORDS = 'rendered with 1 file missing (2 frames): //tex/gone.png';

test('a render with --force reports the files that it was made without wherever it is looked at', async () => {
  const scene = await makeScene(at('shot.blend'), MISSING);
  const place = ['-o', at('out')];
  const flags = [...place, '--frames', '1-2', '--force', '--resolution-percent', '50', '--json'];
  const rendered = await spotreel(['render', scene, ...flags]);
  expect(rendered.exitCode).toBe(0);
  expect(rendered.stderr.trimEnd().split('\n').at(-2)).toBe(WORDS);
  const missingFiles = { frames: 2, count: 1, files: ['//tex/gone.png'] };
  expect(JSON.parse(rendered.stdout)).toMatchObject({ state: 'complete', missingFiles });

  const folder = onlyRender(at('out'));
  const attempts = sliceReports(folder).flatMap((report) => report.attempts);
  for (const attempt of attempts) expect(attempt).toMatchObject({ missingFiles: ['//tex/gone.png'] });
  expect(attempts.flatMap(({ frames }) => frames.map(({ lacks }) => lacks))).toEqual([true, true]);
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain(
    'Rendered with 1 file missing (2 frames)',
  );

  const status = await spotreel(['status', ...place]);
  expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(WORDS) });
  const list = await spotreel(['list', ...place]);
  expect(list.stdout).toContain(WORDS);
  expect(JSON.parse((await spotreel(['list', ...place, '--json'])).stdout)).toMatchObject({ missingFiles });
});
