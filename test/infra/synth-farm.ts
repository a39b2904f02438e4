import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { z } from 'zod';
import { spotreelApp, type SpotreelStacks } from '../../lib/spotreel-app';
import { ROOT } from '../support/source-files';

// The folders that the CDK makes for apps without an output folder.
afterAll(() => CloudAssembly.cleanupTemporaryDirectories());

export interface SynthesizedFarm extends SpotreelStacks {
  readonly app: App;
  readonly storageTemplate: Template;
  readonly farmTemplate: Template;
}

interface CdkJson {
  readonly context: Readonly<Record<string, unknown>>;
}

/**
 * The app as `cdk synth` makes it, without bundling, because these tests read only templates. `more` is further context,
 * as of `cdk -c`.
 */
export function farmApp(
  settings: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): SpotreelStacks & { app: App } {
  const { context }: CdkJson = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'));
  const app = new App({
    // These are the slowest parts of a synth. cdk-nag.test.ts makes the CDK's own checks once.
    builtinCloudFormationValidation: false,
    stackTraces: false,
    treeMetadata: false,
    analyticsReporting: false,
    context: { ...context, 'aws:cdk:bundling-stacks': [], spotreel: settings, ...more },
  });
  return { app, ...spotreelApp(app, {}) };
}

/** Both templates of a farm with these settings. Throws for a farm in an existing bucket, which has one stack. */
export function synthFarm(settings: Readonly<Record<string, unknown>> = {}): SynthesizedFarm {
  const stacks = farmApp(settings);
  if (!stacks.storage) throw new Error('this farm has no storage stack');
  return {
    ...stacks,
    storageTemplate: Template.fromStack(stacks.storage),
    farmTemplate: Template.fromStack(stacks.farm),
  };
}

/** The properties of all resources of a type, with the logical id without its hash. */
export function allProperties(template: Template, type: string) {
  return Object.entries(template.findResources(type)).map(([id, { Properties }]) => ({
    id: withoutHash(id),
    properties: Properties,
  }));
}

/** The properties of the only resource of a type whose logical id begins with `idStart`. Throws if there are more or none. */
export function onlyProperties(template: Template, type: string, idStart = '') {
  const found = Object.entries(template.findResources(type)).filter(([id]) => id.startsWith(idStart));
  const [only] = found;
  if (!only || found.length > 1)
    throw new Error(`found ${found.length} resources of ${type} named ${idStart}*`);
  const { Properties } = only[1];
  return Properties;
}

/** Expects a resource of this type with at least these properties. */
export function expectResource(template: Template, type: string, properties: unknown): void {
  template.hasResourceProperties(type, properties);
}

/** Expects a resource of this type with these attributes, such as `DeletionPolicy`. */
export function expectAttributes(template: Template, type: string, attributes: unknown): void {
  template.hasResource(type, Match.objectLike({ ...Object(attributes) }));
}

/** Expects this number of resources of each type. */
export function expectCounts(template: Template, counts: Readonly<Record<string, number>>): void {
  for (const [type, count] of Object.entries(counts)) template.resourceCountIs(type, count);
}

/** The permissions of a role: action → resources and their conditions. References are `<LogicalId.Attribute>`. */
export function grants(template: Template, roleIdStart: string): Record<string, string[]> {
  const policies: Policy[] = allProperties(template, 'AWS::IAM::Policy').map(({ properties }) => properties);
  const ofRole = policies.filter(({ Roles }) => Roles.some(({ Ref }) => Ref.startsWith(roleIdStart)));
  const allowed: Record<string, string[]> = {};
  for (const statement of ofRole.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)) {
    for (const action of [statement.Action].flat()) {
      const suffix = statement.Condition ? ` if ${JSON.stringify(statement.Condition)}` : '';
      const resources = [statement.Resource].flat().map((resource) => flat(resource) + suffix);
      allowed[action] = [...(allowed[action] ?? []), ...resources].toSorted();
    }
  }
  return allowed;
}

/** Condition of TagResource: only the farm's tag, and no resource of another farm. */
export const TAGGING_FARM =
  ' if {"StringEquals":{"aws:RequestTag/spotreel:farm":"main"},"StringEqualsIfExists":{"aws:ResourceTag/spotreel:farm":"main"}}';

/** The jobs that a role may terminate: jobs with the farm's tag. */
export const FARM_JOBS =
  'arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/* if {"StringEquals":{"aws:ResourceTag/spotreel:farm":"main"}}';

interface Policy {
  readonly Roles: ReadonlyArray<{ readonly Ref: string }>;
  readonly PolicyDocument: {
    readonly Statement: ReadonlyArray<{
      readonly Effect: 'Allow';
      readonly Action: string | string[];
      readonly Resource: unknown;
      readonly Condition?: unknown;
    }>;
  };
}

const intrinsic = z.union([
  z.string(),
  z.strictObject({ Ref: z.string() }).transform(({ Ref }) => `<${withoutHash(Ref)}>`),
  z
    .strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) })
    .transform(({ 'Fn::GetAtt': [id, attribute] }) => `<${withoutHash(id)}.${attribute}>`),
  z
    .strictObject({ 'Fn::ImportValue': z.string() })
    .transform(({ 'Fn::ImportValue': name }) => `<${withoutHash(name.replace(/^.*:ExportsOutput/, ''))}>`),
  z
    .strictObject({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) })
    .transform(({ 'Fn::Join': [, parts] }): string => parts.map(flat).join('')),
  z.strictObject({ 'Fn::Sub': z.string() }).transform(({ 'Fn::Sub': text }) => text),
]);

/** An intrinsic function as a short text, without the hashes of logical ids. */
export function flat(value: unknown): string {
  return intrinsic.parse(value);
}

function withoutHash(id: string): string {
  return id.replace(/[0-9A-F]{8}/g, '');
}
