import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';
import { USUAL_FARM } from '../core/contract/usual-farm';

const text = z.string().min(1);

/** A family (`m6i`) or a type (`m6i.2xlarge`) of today's names; Graviton's have a `g` behind the generation. */
const instanceType = z
  .string()
  .regex(
    /^(?!a1\b)[a-z]+\d+(?!g)[a-z]*(-[a-z0-9]+)?(\.[a-z0-9-]+)?$/,
    'must be an x86 instance family or type, such as m6i or m6i.2xlarge',
  );

const instanceTypes = z.array(instanceType).min(1).max(50);

/** Files tell no more of their Blender than its series. */
function areOfDifferentSeries(versions: readonly string[]): boolean {
  return new Set(versions.map((version) => version.split('.', 2).join('.'))).size === versions.length;
}

/**
 * Every setting of a deployment: `context.spotreel` of cdk.json, or `SPOTREEL_<SETTING>` in the environment, which
 * goes first. Each carries its description, which the README's table shows, and its default.
 */
export const settingsSchema = z.strictObject({
  farmName: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,29}$/, 'must be at most 30 of a-z, 0-9 and -, a letter first')
    .default('main')
    .describe(
      'name of the farm: part of the names of its stacks and of its SSM parameter `/spotreel/<name>`',
    ),
  vpcId: z
    .string()
    .regex(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'must be the id of a VPC, such as vpc-0123456789abcdef0')
    .optional()
    .describe('existing VPC to run in; needs `subnetIds`. Without it the farm makes its own'),
  subnetIds: z
    .array(
      z
        .string()
        .regex(
          /^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/,
          'must be ids of subnets, such as subnet-0123456789abcdef0',
        ),
    )
    .min(1)
    .max(16)
    .optional()
    .describe('subnets of that VPC, with a way to the internet'),
  zones: z
    .int()
    .min(2)
    .max(3)
    .default(2)
    .describe('availability zones of the farm’s own VPC; 3 finds more Spot machines where the region has 3'),
  spotVcpus: z
    .int()
    .min(1)
    .max(10_000)
    .default(USUAL_FARM.spotVcpus)
    .describe('most vCPUs of Spot machines at a time; an account’s own Spot quota may be lower'),
  instanceTypes: instanceTypes
    .default([...USUAL_FARM.instanceTypes])
    .describe('x86 families or types to choose from; more of them mean fewer interruptions'),
  onDemandVcpus: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'most vCPUs of On-Demand machines, at full price, in a queue of their own: for frames that Spot machines left behind, and for `retry --on-demand`; 0 for none',
    ),
  gpuVcpus: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('most vCPUs of Spot machines with NVIDIA GPUs, in a queue of their own; 0 for none'),
  gpuInstanceTypes: instanceTypes
    .default([...USUAL_FARM.gpuInstanceTypes])
    .describe('families or types with NVIDIA GPUs to choose from'),
  diskGib: z
    .int()
    .min(30)
    .max(16_384)
    .default(100)
    .describe('GiB of disk of a machine: system, image, and the scenes and frames of all slices on it'),
  imageUri: text
    .max(512)
    .optional()
    .describe(
      'container image to run, with `{version}` in it one for each of `blenderVersions`; without it `cdk deploy` builds them from `container/`',
    ),
  blenderVersions: z
    .array(z.string().regex(/^\d+\.\d+\.\d+$/, 'must be full versions of Blender, such as 5.2.3'))
    .min(1)
    .max(5)
    .refine(areOfDifferentSeries, 'must be of different series: one of 5.2.3 and 5.2.4, not both')
    .transform((versions) => versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })))
    .default(['5.2.3'])
    .describe(
      'Blenders to have, each in an image of its own; a scene is rendered by the oldest that is not older than the one that saved it',
    ),
  renderVcpus: z.int().min(1).max(192).default(USUAL_FARM.renderVcpus).describe('vCPUs of one slice'),
  renderMemoryMib: z
    .int()
    .min(512)
    .max(1_572_864)
    .default(14_000)
    .describe('MiB of memory of one slice; what the scene needs and a little more'),
  stitchVcpus: z.int().min(1).max(192).default(USUAL_FARM.stitchVcpus).describe('vCPUs of the video’s job'),
  stitchMemoryMib: z
    .int()
    .min(512)
    .max(1_572_864)
    .default(7_000)
    .describe('MiB of memory of the video’s job, in which Blender opens scenes that have sound'),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(5)
    .describe('how often a slice is tried when machines are reclaimed; AWS Batch allows 10'),
  renderTimeoutMinutes: z
    .int()
    .min(1)
    .max(20_160)
    .default(720)
    .describe('minutes after which one attempt of a slice is stopped, so that none bills for ever'),
  hangMinutes: z
    .int()
    .min(1)
    .max(20_160)
    .default(60)
    .describe('minutes without a word or a frame after which a hung Blender is killed'),
  logMiB: z
    .int()
    .min(1)
    .max(10_240)
    .default(64)
    .describe('MiB of the log of one attempt; further lines of Blender and ffmpeg are dropped'),
  stitchTimeoutMinutes: z
    .int()
    .min(1)
    .max(20_160)
    .default(120)
    .describe('minutes after which one attempt at the video is stopped'),
  email: z.email().optional().describe('address told when a render is done or has failed, and of alarms'),
  allowScripts: z
    .boolean()
    .default(false)
    .describe(
      'whether renders may ask to run the scripts of their scenes (`allow-scripts`), in the sandbox; anybody who can upload then runs code on the farm',
    ),
  ocio: text
    .max(4096)
    .regex(/\.ocioz?$/i, 'must be the path of a .ocio or .ocioz file')
    .optional()
    .describe(
      'OpenColorIO configuration of all renders: a .ocio or .ocioz file of the machine that deploys, built into the images with the colour files that it names; a render’s own `ocio` goes first',
    ),
  renderDays: z
    .int()
    .min(0)
    .max(36_500)
    .default(0)
    .describe(
      'days after which everything of a render, its video too, is deleted from the bucket; 0 keeps it',
    ),
  logDays: z
    .enum(RetentionDays)
    .exclude(['INFINITE'])
    .default(RetentionDays.ONE_MONTH)
    .describe('days that logs are kept'),
  versioned: z
    .boolean()
    .default(false)
    .describe('whether the bucket keeps overwritten and deleted objects, for 30 days'),
  deleteBucket: z
    .boolean()
    .default(false)
    .describe('whether `cdk destroy` deletes the bucket and every scene and render in it'),
  monthlyBudgetUsd: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe(
      'US dollars a month of which 80 % and 100 % are told by mail; needs `email`. It stops nothing; 0 for none',
    ),
  interruptionExperiment: z
    .boolean()
    .default(false)
    .describe(
      'whether to deploy an experiment (AWS FIS) that reclaims up to 5 of the farm’s Spot machines when started',
    ),
});

export type Settings = Readonly<z.infer<typeof settingsSchema>>;

/** The name of a setting. */
export type SettingName = keyof Settings;
