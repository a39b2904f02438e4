import { MOST_PARTS } from '../../../../core/render/parse-frames';
import { parseManifest } from '../../../../core/contract/manifest';
import { childUrl } from '../../../../core/storage/location';
import { SCENE, UploadWorld } from '../../../support/upload-world';

/** Text that a terminal, a mail or a log could take for more than a name. */
// oxlint-disable-next-line no-control-regex -- control characters are the subject
const TREACHEROUS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/** What became of an upload that was delivered twice; how many jobs there are, and the findings of its refusal. */
async function deliverTwice(key: string, metadata: Record<string, string> = {}, bytes: Uint8Array = SCENE) {
  const world = new UploadWorld();
  const body = await world.upload(key, metadata, bytes);
  expect([await world.deliver(body), await world.deliver(body)]).toEqual([true, true]);
  const keys = await world.keys();
  for (const manifest of keys.filter((name) => name.endsWith('/manifest.json')))
    parseManifest(await world.storage.get(childUrl(world.bucket, manifest)), manifest);
  for (const { subject, message } of world.notifications) {
    expect(subject).toMatch(/^[\x20-\x7e]{1,99}$/);
    expect(message).not.toMatch(TREACHEROUS);
  }
  for (const line of world.rawLog) expect(line).not.toMatch(TREACHEROUS);
  return {
    world,
    jobs: world.jobNames().length,
    messages: world.notifications.map(({ message }) => message),
  };
}

const FRAMES_2KB = Array.from({ length: 110 }, (_, i) => `${i - 1_048_574}-1048574`).join(',');

describe('the submit Lambda refuses an upload and says why', () => {
  test.each<[string, string, Record<string, string>, string]>([
    ['frames beyond all limits', 'a.blend', { frames: '1-999999999' }, "beyond Blender's limits"],
    ['frames that overlap a hundred times', 'a.blend', { frames: FRAMES_2KB }, 'name each frame once'],
    ['too many parts', 'a.blend', { frames: '1,'.repeat(MOST_PARTS) }, `more than ${MOST_PARTS} parts`],
    ['a name with a path to another folder', 'a.blend', { name: '../x' }, 'letters, digits, "-" and "_"'],
    ['a hidden name', 'a.blend', { name: '.farm' }, 'starts with a letter or digit'],
    ['a name with a slash', 'a.blend', { name: 'a/b' }, 'letters, digits, "-" and "_"'],
    ['a name with a line break', 'a.blend', { name: "UTF-8''a%0Ab" }, 'not "a\\u000ab"'],
    ['a very long name', 'a.blend', { name: 'x'.repeat(101) }, 'at most 100'],
    ['51 tags', 'a.blend', { tags: Array.from({ length: 51 }, (_, i) => `a${i}=b`).join(',') }, '40 at most'],
    ['a tag of AWS', 'a.blend', { tags: 'AWS:x=1' }, `"aws:" is AWS's`],
    ["the farm's tag", 'a.blend', { tags: 'Spotreel:farm=evil,team=admin' }, `is Spotreel's`],
    ['a cap that is not a number', 'a.blend', { 'max-cost': 'NaN' }, 'must be US dollars'],
    ['a backslash', 'a\\b.blend', {}, 'holds a backslash; rename'],
    ['a zero byte', 'a\0b.blend', {}, 'holds a zero byte; rename'],
    ['an escape character', 'a\u001b[31m.blend', {}, 'holds a control character; rename'],
    ['a C1 control character', 'a\u009b31m.blend', {}, 'holds a control character; rename'],
    [
      'a name longer than a file system allows',
      `${'x'.repeat(1010)}.blend`,
      {},
      'more than 255 bytes; rename',
    ],
    ['control characters in the scene', 'a.blend', { scene: "UTF-8''%1b%5b31m%c2%9b%0a%0dX" }, 'no scene "'],
  ])('for %s', async (_, name, metadata, reason) => {
    const { jobs, messages } = await deliverTwice(`uploads/${name}`, metadata);
    expect({ jobs, count: messages.length }).toEqual({ jobs: 0, count: 1 });
    expect(messages[0]).toContain(reason);
  });

  test('for an empty object', async () => {
    const { jobs, messages } = await deliverTwice('uploads/a.blend', {}, Buffer.alloc(0));
    expect([jobs, messages.length]).toEqual([0, 1]);
    expect(messages[0]).toContain('the file is empty');
  });

  test('in a message that has no extra line from a line break in the key', async () => {
    const { messages } = await deliverTwice('uploads/a\nConsole: evil.example\n.blend', { name: '../x' });
    expect(messages[0]!.split('\n').filter((line) => line.startsWith('Console:'))).toEqual([]);
    expect(messages[0]).toContain('uploads/a\\u000aConsole: evil.example\\u000a.blend');
  });

  test('without a change to the readable or unreadable render that has the same id', async () => {
    const world = new UploadWorld();
    const body = await world.upload('uploads/a.blend');
    await world.deliver(body);
    const manifest = (await world.keys()).find((key) => key.endsWith('/manifest.json'))!;
    await world.storage.put(childUrl(world.bucket, manifest), '{');
    expect(await world.deliver(body)).toBe(true);
    expect(world.notifications[0]!.message).toContain('manifest.json is damaged');
    expect(await world.keys()).not.toContain(manifest.replace('manifest', 'status'));
  });
});

describe('the submit Lambda submits', () => {
  test.each<[string, string, Record<string, string>]>([
    ['all possible frames', 'a.blend', { frames: '-1048574-1048574' }],
    ['a tag named __proto__', 'a.blend', { tags: '__proto__=x' }],
    ['a very small cap', 'a.blend', { 'max-cost': '0.000001' }],
    ['a key of percent signs and plus signs', 'a%2F..%2Fb+c d.blend', {}],
    ['a backslash in the folder of the project, which no worker creates', 'p\\q/b.blend', {}],
    [
      'a folder of the project with a name too long for a disk, which no worker creates',
      `${'p'.repeat(500)}/a.blend`,
      {},
    ],
    ['a key with a change of text direction', '\u202ednelb.\u00e9\ud83d\ude00.blend', {}],
    ['an engine in small letters', 'a.blend', { engine: 'workbench' }],
    ['the highest resolution', 'a.blend', { 'resolution-percent': '32767' }],
    ['the most samples', 'a.blend', { samples: '16777216' }],
  ])('%s, once', async (_, name, metadata) => {
    const { world, jobs, messages } = await deliverTwice(`uploads/${name}`, metadata);
    expect({ jobs, messages }).toEqual({ jobs: 2, messages: [] });
    expect((await world.keys()).filter((key) => key.endsWith('/manifest.json'))).toHaveLength(1);
  });
});

test('the submit Lambda ignores a key with half a surrogate pair', async () => {
  const world = new UploadWorld();
  const event = JSON.parse(await world.upload('uploads/a.blend'));
  event.detail.object.key = 'uploads/\ud83d.blend';
  expect(await world.deliver(JSON.stringify(event))).toBe(true);
  expect(world.jobNames()).toEqual([]);
});
