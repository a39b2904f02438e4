import { equal } from './feature';
import { inTurn } from './turn';

const FEATURES = Array.from({ length: 7 }, (_, index) => equal(`scene-${index}`));
const namesOf = (blender: number, turn: number) => inTurn(FEATURES, blender, turn).map(({ name }) => name);

test('inTurn gives every scene to one of three Blenders in each turn', () => {
  for (const turn of [0, 1, 2, 3]) {
    const names = [0, 1, 2].flatMap((blender) => namesOf(blender, turn));
    expect(names.toSorted()).toEqual(FEATURES.map(({ name }) => name));
  }
});

test('inTurn gives a Blender every scene within three turns', () => {
  const names = [5, 6, 7].flatMap((turn) => namesOf(1, turn));
  expect(names.toSorted()).toEqual(FEATURES.map(({ name }) => name));
});
