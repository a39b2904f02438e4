import { z } from 'zod';
import type { SettingsOrigin } from './setting-names';

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

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';

const PROXY_RULE = 'a host and port like http://proxy.example.com:3128, with a port from 1 to 65,535';

/** Whether this is the URL of an HTTP proxy, with a port and without a password or path. */
function isProxy(text: string): boolean {
  const [, port] = /^http:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?:(\d{1,5})$/i.exec(text) ?? [];
  // The URL parser refuses ports above 65535.
  return Number(port) > 0 && URL.canParse(text);
}

/** Settings of the whole app. The construct has no such props: the app that uses it decides. */
export const APP_SETTINGS: readonly string[] = [
  'account',
  'region',
  'tags',
  'permissionsBoundary',
  'bucketName',
  'kmsKeyArn',
];

/** Settings of a bucket that the farm creates. */
export const BUCKET_SETTINGS = ['versioned', 'renderDays', 'deleteBucket'] as const;

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
  bucketName: form(
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    'the name of a bucket: 3 to 63 of a-z, 0-9, dots and hyphens',
  )
    .optional()
    .describe(
      'existing bucket of the same account and region, whose owner has switched on EventBridge notifications. By default, the farm creates a bucket',
    ),
  kmsKeyArn: form(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/(mrk-)?[0-9a-f-]{32,36}$/,
    'the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef',
  )
    .optional()
    .describe(
      'KMS key of the bucket and of the topic with messages and alarms. Its policy must let CloudWatch alarms use it',
    ),
  webhookUrl: form(
    /^https:\/\/[a-z0-9][a-z0-9.-]*(:\d+)?(\/[\w.~!$&'()+,;=:@%/?-]*)?$/i,
    'an HTTPS URL, such as https://example.com/renders',
  )
    .max(2048)
    .optional()
    .describe(
      'receives what the mails say, as POSTs with the signature of SNS and a secret key; 40 US cents a month',
    ),
  vpcCidr: form(
    new RegExp(`^(${OCTET}\\.){3}${OCTET}/(1[6-9]|2[0-4])$`),
    'an IPv4 range from /16 to /24, such as 10.64.0.0/16',
  )
    .default('10.64.0.0/16')
    .describe('addresses of the farm’s own VPC'),
  securityGroupIds: z
    .array(
      form(/^sg-([0-9a-f]{8}|[0-9a-f]{17})$/, 'the id of a security group, such as sg-0123456789abcdef0'),
    )
    .min(1)
    .max(5)
    .optional()
    .describe(
      'security groups of the existing VPC for the machines, which must allow HTTPS out. By default, the farm creates one that allows nothing in',
    ),
  vpcEndpoints: z
    .boolean()
    .default(false)
    .describe(
      'whether machines reach AWS through six VPC endpoints that the farm creates, each at about 7 US dollars a month and zone. The farm’s own VPC then has only private subnets',
    ),
  routeTableIds: z
    .array(form(/^rtb-([0-9a-f]{8}|[0-9a-f]{17})$/, 'the id of a route table, such as rtb-0123456789abcdef0'))
    .min(1)
    .max(16)
    .optional()
    .describe(
      'route tables of `subnetIds` to which `vpcEndpoints` adds S3. Leave it out if the VPC has a gateway endpoint for S3',
    ),
  proxy: z
    .string()
    .refine(isProxy, `must be ${PROXY_RULE}`)
    .meta({ rule: PROXY_RULE })
    .optional()
    .describe('HTTP proxy of the machines, for their ECS agent, Docker and the workers'),
  noProxy: z
    .array(form(/^[a-z0-9.*][a-z0-9.*:-]{0,252}$/i, 'a host, an address, or a domain such as .example.com'))
    .min(1)
    .max(30)
    .optional()
    .describe('hosts that machines reach without `proxy`, such as those of VPC endpoints'),
};

type AccountSettings = z.infer<z.ZodObject<typeof accountSettings>> &
  Readonly<Record<(typeof BUCKET_SETTINGS)[number], boolean | number>>;

/** Problems of these settings that depend on each other. `hasVpc`: an existing VPC is given. */
export function accountProblems(
  settings: AccountSettings,
  { vpc }: SettingsOrigin,
  hasVpc: boolean,
): string[] {
  const { vpcEndpoints, routeTableIds, proxy, noProxy } = settings;
  const problems: string[] = [];
  for (const name of BUCKET_SETTINGS) {
    if (settings.bucketName !== undefined && settings[name]) {
      problems.push(
        `${name} changes only a bucket that the farm creates: remove it, and set it on ${settings.bucketName}`,
      );
    }
  }
  for (const name of ['securityGroupIds', 'routeTableIds'] as const) {
    if (settings[name] !== undefined && !hasVpc) {
      problems.push(`${name} needs an existing VPC: set ${vpc}, or remove ${name}`);
    }
  }
  if (routeTableIds !== undefined && !vpcEndpoints) {
    problems.push('routeTableIds needs vpcEndpoints: set it to true, or remove routeTableIds');
  }
  if (noProxy !== undefined && proxy === undefined) {
    problems.push('noProxy needs proxy: set proxy, or remove noProxy');
  }
  return problems;
}
