import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { readSettings, SettingsError } from '../../lib/settings/settings';
import { SpotreelFarm } from '../../lib/constructs/spotreel-farm';
import { useScratchFolder } from '../support/scratch-folder';
import { farmApp, onlyProperties, synthFarm } from './synth-farm';

const at = useScratchFolder();
const CONFIG = 'ocio_profile_version: 2\nsearch_path: luts\nx: !<FileTransform> {src: show.cube}\n';

function write(path: string, content: string): string {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
  return at(path);
}

function studio(config = CONFIG): string {
  for (const file of ['luts/show.cube', 'luts/.hidden.cube', 'notes.txt', 'luts/key.pem'])
    write(`studio/${file}`, 'x');
  return write('studio/config.ocio', config);
}

/** The folder from which the image is built. */
const contextOf = ({ app }: ReturnType<typeof farmApp>): string => join(app.assetOutdir, 'worker-image');

test('the images of a farm with ocio include the configuration and its colour files', () => {
  const context = contextOf(farmApp({ ocio: studio() }));
  expect(
    readdirSync(join(context, 'ocio'), { recursive: true })
      .map(String)
      .toSorted((a, b) => (a < b ? -1 : 1)),
  ).toEqual(['config.ocio', 'luts', 'luts/show.cube']);
  expect(readFileSync(join(context, 'Dockerfile'), 'utf8')).toMatch(
    /\nCOPY ocio \/opt\/spotreel\/ocio\/\nENV OCIO="\/opt\/spotreel\/ocio\/config\.ocio"\nCOPY worker\.js /,
  );
});

test.each([
  ['with ocio', () => farmApp({ ocio: studio() })],
  ['without ocio', () => farmApp()],
])('the last step of an image %s copies only the worker, so a new worker is one small layer', (_, synth) => {
  const lines = readFileSync(join(contextOf(synth()), 'Dockerfile'), 'utf8')
    .trim()
    .split('\n');
  expect(lines.at(-1)).toBe('COPY worker.js aws.js aws-s3.js *.py *.pl /opt/spotreel/');
});

test('the images of a farm with an ocio archive include it as one file', () => {
  const context = contextOf(farmApp({ ocio: write('studio.ocioz', 'PK\u0003\u0004') }));
  expect(readdirSync(join(context, 'ocio'))).toEqual(['studio.ocioz']);
});

test('the images of a farm without ocio include no configuration', () => {
  const context = contextOf(farmApp());
  expect(existsSync(join(context, 'ocio'))).toBe(false);
  expect(readFileSync(join(context, 'Dockerfile'), 'utf8')).not.toContain('OCIO');
});

test('the submit Lambda and the description of a farm with ocio record that it has one', () => {
  const { farmTemplate } = synthFarm({ ocio: studio() });
  const { Environment } = onlyProperties(farmTemplate, 'AWS::Lambda::Function', 'Upload');
  expect(Environment.Variables).toMatchObject({ HAS_OCIO: '1' });
  expect(JSON.stringify(farmTemplate.findResources('AWS::SSM::Parameter'))).toContain('hasOcio');
});

test.each([
  ['gone.ocio', undefined, 'it cannot be read'],
  ['studio/config.ocio', 'colours', 'it is not an OCIO configuration'],
  ['studio/config.ocio', CONFIG.replace('luts', '../luts'), 'it names ../luts, which is outside its folder'],
  ['studio/config.ocio', CONFIG.replace('luts', '/luts'), 'it names /luts, which is outside its folder'],
])('synth refuses the ocio %s (%j): %s', (path, text, why) => {
  if (text !== undefined) studio(text);
  expect(() => farmApp({ ocio: at(path) })).toThrow(SettingsError);
  expect(() => farmApp({ ocio: at(path) })).toThrow(why);
});

test.each([
  ['cdk.json', 'in cdk.json (context.spotreel)', (ocio: string) => farmApp({ ocio })],
  [
    'the props of a farm',
    'in the props of SpotreelFarm',
    (ocio: string) =>
      new SpotreelFarm(new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Mine'), 'Farm', {
        ocio,
      }),
  ],
])('synth says that a wrong ocio is in %s', (_, place, synth) => {
  expect(() => synth(at('gone.ocio'))).toThrow(`change them ${place}`);
});

test('the settings ocio and imageUri exclude each other', () => {
  const settings = { ocio: 'config.ocio', imageUri: 'example/image' };
  expect(() => readSettings(settings, {})).toThrow('ocio and imageUri exclude each other');
  expect(() => readSettings({ ocio: 'config.txt' }, {})).toThrow(
    'must be the path of a .ocio or .ocioz file',
  );
});

test('two farms of one app have their own images if only one has ocio', () => {
  const app = new App({ stackTraces: false, context: { 'aws:cdk:bundling-stacks': [] } });
  const stack = new Stack(app, 'Mine');
  const farms = [{ farmName: 'plain' }, { farmName: 'colours', ocio: studio() }];
  const made = farms.map((props) => new SpotreelFarm(stack, props.farmName, props));
  expect(made).toHaveLength(2);
  const contexts = ['worker-image', 'worker-image-2'].map((name) => join(app.assetOutdir, name, 'ocio'));
  expect(contexts.map((folder) => existsSync(folder))).toEqual([false, true]);
});
