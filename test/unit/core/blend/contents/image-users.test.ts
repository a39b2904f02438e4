import { ContentsWriter } from '../../../../support/blend-contents-writer';

const REFRESHED = 1;
const USER = { frames: 3, sfra: 5, offset: -1, cycl: 1, flag: REFRESHED };
const PLAY = { frames: 3, start: 5, offset: -1, cyclic: true };
const OF_TEXTURE_NODE = { ...PLAY, mode: 'from-zero' };

/** Under `iuser`, as texture nodes have it. */
const inNode = (user: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(user).map(([name, value]) => [`iuser.${name}`, value]));

function writer(source = 2): ContentsWriter {
  return new ContentsWriter().id('IM', 'Image', 'Walk', { name: '//walk_001.png', source }, 70n);
}

async function playsOf(written: ContentsWriter) {
  const { dependencies } = await written.read();
  return dependencies.map(({ plays }) => plays);
}

test.each([
  ['NodeTexImage', inNode(USER), OF_TEXTURE_NODE],
  ['NodeTexEnvironment', inNode(USER), OF_TEXTURE_NODE],
  ['ImageUser', USER, PLAY],
])('a node with a %s says how its sequence is played', async (struct, values, play) => {
  const written = writer().id('MA', 'Material', 'M').data('bNode', { id: 70n, storage: 80n });
  expect(await playsOf(written.data(struct, values, 80n))).toEqual([[play]]);
});

test('a sequence without Auto Refresh is played all the same', async () => {
  const written = writer().id('MA', 'Material', 'M').data('bNode', { id: 70n, storage: 80n });
  expect(await playsOf(written.data('ImageUser', { ...USER, flag: 0 }, 80n))).toEqual([[PLAY]]);
});

test('a texture of a modifier says how its sequence is played', async () => {
  expect(await playsOf(writer().id('TE', 'Tex', 'T', { ima: 70n, ...inNode(USER) }))).toEqual([[PLAY]]);
});

test('the same where the image stands behind the node', async () => {
  const written = new ContentsWriter()
    .id('MA', 'Material', 'M')
    .data('bNode', { id: 70n, storage: 80n })
    .data('NodeTexImage', inNode(USER), 80n)
    .id('IM', 'Image', 'Walk', { name: '//walk_001.png', source: 2 }, 70n);
  expect(await playsOf(written)).toEqual([[OF_TEXTURE_NODE]]);
});

test.each([
  ['has no pictures', { ...USER, frames: 0 }, 80n, 70n],
  ["is another node's", USER, 81n, 70n],
  ['has no image', USER, 80n, 0n],
])('settings of which one %s tell nothing', async (_, user, address, id) => {
  const written = writer().id('MA', 'Material', 'M').data('bNode', { id, storage: 80n });
  expect(await playsOf(written.data('NodeTexImage', inNode(user), address))).toEqual([undefined]);
});

test('an image that is no sequence is not played', async () => {
  const written = writer(1).id('MA', 'Material', 'M').data('bNode', { id: 70n, storage: 80n });
  expect(await playsOf(written.data('NodeTexImage', inNode(USER), 80n))).toEqual([undefined]);
});

test('of many ways to play it eight are kept', async () => {
  const written = writer().id('MA', 'Material', 'M');
  for (let node = 0n; node < 20n; node += 1n) {
    written.data('bNode', { id: 70n, storage: 100n + node }).data('NodeTexImage', inNode(USER), 100n + node);
  }
  const [plays] = await playsOf(written);
  expect(plays).toHaveLength(8);
});
