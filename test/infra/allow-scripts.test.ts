import { allProperties, onlyProperties, synthFarm } from './synth-farm';

const [usual, allowed] = [synthFarm().farmTemplate, synthFarm({ allowScripts: true }).farmTemplate];

test('the workers of a farm with allowScripts may run scripts', () => {
  const definitions = allProperties(allowed, 'AWS::Batch::JobDefinition');
  expect(definitions).toHaveLength(2);
  for (const { properties } of definitions)
    expect(properties.ContainerProperties.Environment).toContainEqual({
      Name: 'SPOTREEL_ALLOW_SCRIPTS',
      Value: '1',
    });
});

test('the submit Lambda of a farm with allowScripts accepts uploads that ask for scripts', () => {
  const { Variables } = onlyProperties(allowed, 'AWS::Lambda::Function', 'UploadSubmit').Environment;
  expect(Variables).toMatchObject({ ALLOW_SCRIPTS: '1' });
});

test('the description of a farm with allowScripts says so to the command line', () => {
  expect(JSON.stringify(allowed.findResources('AWS::SSM::Parameter'))).toContain('allowScripts');
});

test('the templates of a farm without allowScripts do not mention scripts', () => {
  expect(JSON.stringify(usual.toJSON())).not.toMatch(/allow_?scripts/i);
});
