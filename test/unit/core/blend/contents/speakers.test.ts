import { ContentsWriter } from '../../../../support/blend-contents-writer';

test('speakers are those with a sound that are not muted', async () => {
  const { speakers } = await new ContentsWriter()
    .id('SK', 'Speaker', 'Radio', { sound: 7n })
    .id('SK', 'Speaker', 'Empty')
    .id('SK', 'Speaker', 'Muted', { sound: 7n, flag: 1 << 1 })
    .id('SK', 'Speaker', 'Shown', { sound: 7n, flag: 1 << 0 })
    .read();
  expect(speakers).toEqual(['Radio', 'Shown']);
});
