import { UploadWorld } from '../../../support/upload-world';

describe('an upload that asks to run its scripts', () => {
  const metadata = { 'allow-scripts': 'true', name: 'Take-2' };

  test('is refused with a message by a farm without allowScripts', async () => {
    const world = new UploadWorld();
    expect(await world.deliver(await world.upload('uploads/shot.blend', metadata))).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    const status = await world.json('renders/Take-2/status.json');
    expect(status).toMatchObject({ state: 'refused' });
    expect(status.findings).toContainEqual(expect.objectContaining({ code: 'scripts-refused' }));
    expect(status.reason).toContain('this farm does not allow scripts');
    expect(world.notifications[0]?.message).toContain('allowScripts: true');
  });

  test('is rendered with its scripts by a farm with allowScripts', async () => {
    const world = new UploadWorld();
    world.allowsScripts = true;
    await world.deliver(await world.upload('uploads/shot.blend', metadata));
    expect(world.batch.jobs).toHaveLength(2);
    expect(await world.json('renders/Take-2/manifest.json')).toMatchObject({
      options: { allowScripts: true },
    });
  });
});
