import { z } from 'zod';

/** A text of this form. `rule` completes the phrase "must be …" in messages and docs. */
export const form = (pattern: RegExp, rule: string): z.ZodString => z.string().regex(pattern).meta({ rule });

/** Tags that AWS or Spotreel sets itself. IAM ignores capitals in the names of tags. */
const RESERVED_TAG = /^\s*(aws|spotreel):/i;

/** AWS allows 50 tags; AWS CloudFormation, AWS Batch and Spotreel need some of them. */
const MOST_TAGS = 40;

const tags = z
  .record(
    z
      .string()
      .regex(/^[\p{L}\p{N} _.:/=+@-]{1,128}$/u)
      .refine((name) => !RESERVED_TAG.test(name)),
    z.string().regex(/^[\p{L}\p{N} _.:/=+@-]{0,256}$/u),
  )
  .refine((given) => Object.keys(given).length <= MOST_TAGS, `must have at most ${MOST_TAGS} names`)
  .meta({
    rule: `an object of at most ${MOST_TAGS} names and values that AWS allows, without names that begin with aws: or spotreel:`,
  });

/** Settings of the whole app. The construct has no such props: the app that uses it decides. */
export const APP_SETTINGS: readonly string[] = ['account', 'region', 'tags', 'permissionsBoundary'];

/** Settings for the rules of an organisation's account. */
export const accountSettings = {
  account: form(/^\d{12}$/, 'the 12 digits of an AWS account')
    .optional()
    .describe(
      'AWS account of the farm. The deployment fails if the credentials are of another account. By default, the account of the credentials',
    ),
  region: form(/^[a-z]{2,4}(-[a-z]+)+-\d$/, 'an AWS region, such as eu-central-1')
    .optional()
    .describe('AWS region of the farm. By default, the region of the credentials’ profile'),
  tags: tags
    .default({})
    .describe(
      'tags of all resources, machines and disks, such as `{"cost-center": "films"}`. A change replaces the compute environments, so make it while no render runs',
    ),
  permissionsBoundary: form(
    /^(arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+|[\w+=,.@/-]{1,128})$/,
    'the name or ARN of a managed policy',
  )
    .optional()
    .describe('managed policy that is the permissions boundary of every role of the farm'),
};
