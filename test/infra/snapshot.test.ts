import { synthFarm } from './synth-farm';

/** Hashes of assets and scripts change with every line of code that they hold; that is no news here. */
function redact(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replace(/[0-9a-f]{64}/g, '<hash>')
    .replace(/"Fn::Base64":"(?:[^"\\]|\\.)*"/g, '"Fn::Base64":"<user data>"');
  return JSON.parse(text);
}

test('the templates of a default farm equal the snapshot', () => {
  const { storageTemplate, farmTemplate } = synthFarm();
  const { Resources: storage } = storageTemplate.toJSON();
  const { Resources: farm } = farmTemplate.toJSON();
  expect(redact({ storage, farm })).toMatchSnapshot();
});
