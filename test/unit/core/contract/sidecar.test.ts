import { parseSidecar } from '../../../../core/contract/sidecar';

const parse = (text: string) => parseSidecar(Buffer.from(text), 'shot.blend.json');

test('every option by the name that it has in metadata, as text, number or true', () => {
  const text = JSON.stringify({
    frames: '1-10',
    'frames-per-slice': 5,
    Scene: 'Übung',
    samples: '16',
    device: 'gpu',
    force: true,
    name: 'Take-2',
  });
  expect(parse(text)).toEqual({
    options: { frames: '1-10', framesPerSlice: 5, scene: 'Übung', samples: 16, device: 'GPU', force: true },
    name: 'Take-2',
  });
  expect(parse('{}')).toEqual({ options: {}, name: undefined });
});

test.each([
  ['no JSON', 'frames: 1', 'shot.blend.json holds no options (it is no JSON)'],
  ['a list', '[1]', 'shot.blend.json holds no options ('],
  ['an option in an option', '{"frames": {"start": 1}}', 'shot.blend.json holds no options (frames: '],
  [
    'an option that is none',
    '{"sampels": 4}',
    'shot.blend.json knows no option "sampels"; there are frames, ',
  ],
  ['a value that is none', '{"samples": 1.5}', 'shot.blend.json: samples "1.5" must be a whole number'],
  ['frames that are none', '{"frames": "all"}', 'shot.blend.json: frames "all" is wrong'],
  ['a name that is none', '{"name": "../x"}', 'shot.blend.json: name "../x" is wrong'],
  ['force that is no force', '{"force": false}', 'force "false" must be true, or left out; change it there'],
])('%s is refused', (_, text, message) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'bad-metadata', kind: 'usage' }));
  expect(() => parse(text)).toThrow(message);
});
