import * as fc from 'fast-check';
import {
  bucketAndKey,
  childUrl,
  formatLocation,
  keyUrl,
  parseLocation,
  requireObject,
} from '../../../../core/storage/location';
import { StorageError } from '../../../../core/storage/storage';

const CWD = '/home/artist/films';

/** Any text that may be a part of a key or a path, weighted towards what URLs treat specially. */
const segment = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
    fc.string({
      unit: fc.constantFrom(...Array.from(' +#?%&=:@\\;é映🎬.~"\'<>|\t\n0aA')),
      minLength: 1,
      maxLength: 12,
    }),
  )
  .filter((text) => text !== '.' && text !== '..' && !text.includes('/') && !text.includes('\0'));
const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof StorageError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('parseLocation', () => {
  it.each([
    ['s3://bucket/a b+c#d?e%f.blend', 's3://bucket/a%20b%2Bc%23d%3Fe%25f.blend'],
    ['s3://bucket/already%20encoded', 's3://bucket/already%2520encoded'],
    ['s3://bucket', 's3://bucket/'],
    ['s3://bucket/folder/', 's3://bucket/folder/'],
    ['s3://bucket//two//slashes', 's3://bucket//two//slashes'],
    ['s3://my.Old_Bucket/x', 's3://my.Old_Bucket/x'],
    ['scene.blend', 'file:///home/artist/films/scene.blend'],
    ['./a b.blend', 'file:///home/artist/films/a%20b.blend'],
    ['../x/', 'file:///home/artist/x/'],
    ['/', 'file:///'],
    ['/tmp/100%#?.blend', 'file:///tmp/100%25%23%3F.blend'],
    ['file:///tmp/a%20b.blend', 'file:///tmp/a%20b.blend'],
    ['file:///tmp/a b(1).blend', 'file:///tmp/a%20b(1).blend'],
    ['/tmp/\u0001', 'file:///tmp/%01'],
    ['memory://bucket/k', 'memory://bucket/k'],
  ])('reads %s', (text, href) => {
    expect(parseLocation(text, CWD).href).toBe(href);
  });

  it.each([
    'https://example.com/scene.blend',
    'S3://bucket/key',
    's3:///key',
    's3://bucket:80/key',
    's3://b@d/key',
    's3://bucket/../key',
    's3://bucket/a/./b',
    's3://bucket/\ud800',
    'file://scene.blend',
    'file:///tmp/%00',
    'file:///a%2Fb',
    '/tmp/\0',
    '/tmp/\0b',
    '',
  ])('refuses %j', (text) => {
    expect(codeOf(() => formatLocation(parseLocation(text, CWD)))).toBe('bad-url');
  });

  it('brings any key of a bucket there and back', () => {
    fc.assert(
      fc.property(key, fc.constantFrom('s3:', 'memory:'), fc.boolean(), (text, protocol, folder) => {
        const location = `${protocol}//bucket/${text}${folder ? '/' : ''}`;
        const url = parseLocation(location, CWD);
        expect(formatLocation(url)).toBe(location);
        expect(formatLocation(new URL(url.href))).toBe(location);
        expect(bucketAndKey(url)).toEqual({ bucket: 'bucket', key: text + (folder ? '/' : '') });
      }),
    );
  });

  it('brings any path there and back', () => {
    fc.assert(
      fc.property(key, fc.boolean(), (text, folder) => {
        const path = `/${text}${folder ? '/' : ''}`;
        expect(formatLocation(parseLocation(path, CWD))).toBe(path);
        expect(formatLocation(new URL(parseLocation(path, CWD).href))).toBe(path);
      }),
    );
  });
});

describe('childUrl', () => {
  it('joins below a folder with or without its slash', () => {
    const url = 's3://bucket/renders/a%20b/frames/0001.png';
    expect(childUrl(new URL('s3://bucket/renders'), 'a b', 'frames', '0001.png').href).toBe(url);
    expect(childUrl(new URL('s3://bucket/renders/'), 'a b', 'frames/0001.png').href).toBe(url);
    expect(childUrl(new URL('s3://bucket'), 'frames/').href).toBe('s3://bucket/frames/');
    expect(childUrl(new URL('file:///out'), 'a b', '1.png').href).toBe('file:///out/a%20b/1.png');
    expect(childUrl(new URL('file:///out/'), 'frames/').href).toBe('file:///out/frames/');
  });

  it('never leaves the folder, whatever the segments hold', () => {
    const bases = [new URL('s3://bucket/out/'), new URL('memory://bucket/out/'), new URL('file:///out/')];
    const anything = fc.string({ unit: fc.constantFrom('.', '/', '\\', '%', '2', 'e', 'a', '#', '?') });
    fc.assert(
      fc.property(fc.array(fc.oneof(anything, segment)), fc.constantFrom(...bases), (segments, base) => {
        const refused = codeOf(() => childUrl(base, ...segments)) === 'bad-url';
        const start = formatLocation(base);
        expect(refused || formatLocation(childUrl(base, ...segments)).startsWith(start)).toBe(true);
      }),
    );
  });

  it('refuses to climb', () => {
    for (const base of [new URL('s3://bucket/out/'), new URL('file:///out/')]) {
      expect(codeOf(() => childUrl(base, '..', 'x'))).toBe('bad-url');
      expect(codeOf(() => childUrl(base, 'a/../../x'))).toBe('bad-url');
    }
  });
});

describe('bucketAndKey', () => {
  it.each(['s3://bucket/a?b', 's3://bucket/a#b', 's3://bucket/100%'])(
    'refuses the badly encoded %s',
    (href) => {
      expect(codeOf(() => bucketAndKey(new URL(href)))).toBe('bad-url');
    },
  );

  it('leaves a plus a plus', () => {
    expect(bucketAndKey(new URL('s3://bucket/a+b')).key).toBe('a+b');
  });
});

describe('requireObject', () => {
  it('refuses folders and buckets', () => {
    for (const href of ['s3://bucket', 's3://bucket/', 's3://bucket/a/', 'file:///tmp/']) {
      expect(codeOf(() => requireObject(new URL(href)))).toBe('bad-url');
    }
    expect(requireObject(keyUrl('s3:', 'bucket', 'a')).href).toBe('s3://bucket/a');
  });
});
