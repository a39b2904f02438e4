import { displayOf, isHdr } from '../../../../core/render/display';

test.each([
  ['Rec.2100-PQ', 'rec2100-pq', true],
  ['Rec.2100-HLG', 'rec2100-hlg', true],
  ['Rec.2100-PQ - Display', 'rec2100-pq', true],
  ['Display P3', 'display-p3', false],
  ['Rec.2020', 'rec2020', false],
  ['Rec.1886', undefined, false],
  ['constructor', undefined, false],
  [undefined, undefined, false],
] as const)('the display "%s" is %s, HDR %j', (name, display, hdr) => {
  const found = displayOf(name === undefined ? {} : { display: name });
  expect([found, isHdr(found)]).toEqual([display, hdr]);
});
