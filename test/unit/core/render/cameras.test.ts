import { cameraRenders } from '../../../../core/batch/camera-renders';
import { chooseCameras } from '../../../../core/render/cameras';
import { facts } from '../../../support/made-scenes';

const scene = (names: readonly string[], isWhole = true, changes = {}) => ({
  facts: facts(changes),
  contents: { cameras: [{ scene: 'Shot', names, isWhole }] },
});
const choose = (camera: string, names = ['Left', 'Right'], isWhole = true) =>
  chooseCameras(scene(names, isWhole), { camera });

describe('chooseCameras', () => {
  test.each([
    ['Left', ['Left']],
    ['Right,Left', ['Right', 'Left']],
    ['Right, Left,Right', ['Right', 'Left']],
    ['all', ['Left', 'Right']],
    ['Right,all', ['Right', 'Left']],
  ])('reads %s', (camera, expected) => {
    expect(choose(camera)).toEqual(expected);
  });

  test('takes an exact name before a comma or "all" means anything', () => {
    expect(choose('Wide, low', ['Wide', 'Wide, low'])).toEqual(['Wide, low']);
    expect(choose('all', ['all', 'Wide'])).toEqual(['all']);
  });

  test.each(['Nope', 'Left,Nope', 'Left,', ','])('refuses %j and names the cameras', (camera) => {
    expect(() => choose(camera)).toThrow(
      expect.objectContaining({
        code: 'no-such-camera',
        kind: 'usage',
        message: expect.stringContaining('scene "Shot" has the cameras "Left", "Right"; change --camera'),
      }),
    );
  });

  test('leaves a name that a library may hold to Blender', () => {
    expect(choose('Of a library', [], false)).toEqual(['Of a library']);
  });

  test('refuses all cameras of a scene without any', () => {
    expect(() => choose('all', [])).toThrow('scene "Shot" has no cameras');
  });

  test('refuses a scene that renders its sequencer', () => {
    const cut = scene(['Left'], true, { usesSequencer: true });
    expect(() => chooseCameras(cut, { camera: 'Left' })).toThrow('renders its video sequencer');
  });
});

describe('cameraRenders', () => {
  const of = (camera: string | undefined, name?: string, names = ['Cam A', 'Cam B', 'Ü', '!']) =>
    cameraRenders(
      {
        source: new URL('file:///shot.blend'),
        etag: 'x',
        options: { ...(camera !== undefined && { camera }) },
      },
      scene(names),
      name,
    );

  test('makes one render without a group for no camera and for one camera', () => {
    expect(of(undefined, 'take')).toEqual([{ options: {}, name: 'take' }]);
    expect(of('Cam A')).toEqual([{ options: { camera: 'Cam A' } }]);
    expect(of('all', undefined, ['Only'])).toEqual([{ options: { camera: 'Only' } }]);
  });

  test('makes one render for each of several cameras, in one group', () => {
    const [first, second] = of('Cam B,Cam A');
    expect(first).toEqual({
      options: { camera: 'Cam B' },
      group: expect.stringMatching(/^shot-[0-9a-f]{8}$/),
    });
    expect(second).toEqual({ options: { camera: 'Cam A' }, group: first!.group });
  });

  test('puts the camera, or its place, behind a name', () => {
    expect(of('all', 'take').map(({ name }) => name)).toEqual([
      'take-Cam-A',
      'take-Cam-B',
      'take-Ü',
      'take-4',
    ]);
    expect(of('all', 'take')[0]!.group).toBe('take');
  });
});
