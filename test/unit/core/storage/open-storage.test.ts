import { routeStorage } from '../../../../core/storage/open-storage';
import { MemoryStorage } from '../../../support/memory-storage';

describe('routeStorage', () => {
  const url = new URL('memory://bucket/key');

  it('creates a storage once, at its first URL', async () => {
    const make = jest.fn(async () => new MemoryStorage());
    const unused = jest.fn(async () => new MemoryStorage());
    const storage = routeStorage({ 'memory:': make, 's3:': unused });
    expect(make).not.toHaveBeenCalled();
    await Promise.all([
      storage.put(url, 'x'),
      storage.head(url),
      storage.delete(new URL('memory://bucket/other')),
    ]);
    for await (const info of storage.list(new URL('memory://bucket/'))) expect(info.url.href).toBe(url.href);
    expect(make).toHaveBeenCalledTimes(1);
    expect(unused).not.toHaveBeenCalled();
  });

  it('calls a failed factory again', async () => {
    const make = jest.fn(async () => new MemoryStorage()).mockRejectedValueOnce(new Error('no region'));
    const storage = routeStorage({ 'memory:': make });
    await expect(storage.head(url)).rejects.toThrow('no region');
    expect(await storage.head(url)).toBeUndefined();
  });

  it('names the supported protocols for an unsupported one', async () => {
    const storage = routeStorage({ 'file:': new MemoryStorage(), 's3:': new MemoryStorage() });
    await expect(storage.get(new URL('https://example.com/scene.blend'))).rejects.toMatchObject({
      code: 'bad-url',
      kind: 'usage',
      message: 'https://example.com/scene.blend is not supported; use one of file://, s3://',
    });
    await expect(storage.get(new URL('constructor://x/y'))).rejects.toMatchObject({ code: 'bad-url' });
  });

  it('does not load the AWS SDK before an S3 URL', () => {
    expect(Object.keys(require.cache).filter((file) => file.includes('@aws-sdk'))).toEqual([]);
  });
});
