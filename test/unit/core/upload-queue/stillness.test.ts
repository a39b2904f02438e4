import { Stillness } from '../../../../core/upload-queue/stillness';

const look = (...pairs: Array<[key: string, fingerprint: string]>) =>
  pairs.map(([key, fingerprint]) => ({ key, fingerprint }));

test('a file is still once nothing of it has changed for five seconds', () => {
  const stillness = new Stillness();
  const settled = [0, 2000, 4000, 4999, 5000].map((at) => stillness.settle(look(['a', '1']), at).size);
  expect(settled).toEqual([0, 0, 0, 0, 1]);
});

test('one that changes waits again, and holds up no other', () => {
  const stillness = new Stillness();
  stillness.settle(look(['a', '1'], ['b', '1']), 0);
  stillness.settle(look(['a', '2'], ['b', '1']), 4000);
  expect([...stillness.settle(look(['a', '2'], ['b', '1']), 5000)]).toEqual(['b']);
  expect([...stillness.settle(look(['a', '2'], ['b', '1']), 9000)]).toEqual(['a', 'b']);
});

test('one that was away for a moment waits again', () => {
  const stillness = new Stillness();
  stillness.settle(look(['a', '1']), 0);
  stillness.settle([], 3000);
  expect([...stillness.settle(look(['a', '1']), 6000)]).toEqual([]);
});
