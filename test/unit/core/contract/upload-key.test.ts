import { startsRender } from '../../../../core/contract/upload-key';

describe('a render is started by', () => {
  test.each([
    'uploads/shot.blend',
    'uploads/my shot.blend',
    'uploads/my+shot.blend',
    'uploads/100% %41.blend',
    'uploads/Übung 映画🎬.blend',
    'uploads/film/shot.blend',
    'uploads/my film + more/shot 1.blend',
    'uploads/shot.BLEND',
    'uploads/film/Shot.Blend',
    'uploads/shot.v2.blend',
    'uploads/.blend.blend',
    'uploads/..blend',
    'uploads/uploads/shot.blend',
    'uploads/line\nbreak.blend',
    'uploads/a film.blend/shot.blend',
  ])('%j', (key) => expect(startsRender(key)).toBe(true));
});

describe('nothing is started by', () => {
  test.each([
    '',
    'uploads',
    'uploads/',
    'shot.blend',
    '/uploads/shot.blend',
    'Uploads/shot.blend',
    'uploadsshot.blend',
    'other/uploads/shot.blend',
    'renders/uploads/shot.blend',
    'uploads/shot.blend1',
    'uploads/shot.blend@',
    'uploads/shot.blend ',
    'uploads/shot.blend\n',
    'uploads/shot.blend/',
    'uploads/shotblend',
    'uploads/shot.blend.zip',
    'uploads/.blend',
    'uploads/film/.blend',
    'uploads//shot.blend',
    'uploads/film//shot.blend',
    'uploads/film/lib/props.blend',
    'uploads/a/b/c.blend',
    'uploads/./shot.blend',
    'uploads/../shot.blend',
    'uploads/film/texture.png',
  ])('%j', (key) => expect(startsRender(key)).toBe(false));
});
