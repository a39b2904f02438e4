import { ContentsWriter } from '../../../../support/blend-contents-writer';

const writer = (name = '//eye.png', source = 1) =>
  new ContentsWriter().id('IM', 'Image', 'Eyes', { name, source }, 70n);
const view = (name: string, filepath = '') => ['ImageView', { name, filepath }] as const;

async function pathsOf(written: ContentsWriter): Promise<string[]> {
  return (await written.read()).dependencies.map(({ path }) => path);
}

test('an image with views needs their files in place of its own', async () => {
  const written = writer()
    .data(...view('left', '//eye_L.png'))
    .data(...view('right', '//eye_R.png'));
  expect(await pathsOf(written)).toEqual(['//eye_L.png', '//eye_R.png']);
});

test('views without paths of their own are in the file of the image', async () => {
  expect(
    await pathsOf(
      writer('//pair.exr')
        .data(...view('left'))
        .data(...view('right')),
    ),
  ).toEqual(['//pair.exr']);
});

test('a single view without a name does not count', async () => {
  expect(await pathsOf(writer().data(...view('', '//stale.png')))).toEqual(['//eye.png']);
});

test('the views of one image are not those of the next', async () => {
  const written = writer()
    .data(...view('left', '//eye_L.png'))
    .id('IM', 'Image', 'Plain', { name: '//plain.png', source: 1 });
  expect(await pathsOf(written)).toEqual(['//eye_L.png', '//plain.png']);
});

test('a tiled image keeps its tiles', async () => {
  const written = writer('//t.<UDIM>.png', 6).data('ImageTile', { tile_number: 1001 });
  expect((await written.read()).dependencies).toMatchObject([{ path: '//t.<UDIM>.png', tiles: [1001] }]);
});

test('of very many views 64 are kept', async () => {
  const written = writer();
  for (let index = 0; index < 200; index += 1) written.data(...view(`v${index}`, `//v${index}.png`));
  expect(await pathsOf(written)).toHaveLength(64);
});
