// "npm run docs" writes this file from the schema in lib/settings/settings.ts.

/** The settings of a farm. All are optional. */
export interface FarmSettings {
  /**
   * Name of the farm; part of the names of its stacks and of its SSM parameter `/spotreel/<name>`. Allowed: at
   * most 30 of a-z, 0-9 and -, starting with a letter.
   * @default "main"
   */
  readonly farmName?: string;
  /**
   * Existing VPC for the machines; needs `subnetIds`. By default, the farm creates a VPC. Allowed: the id of a
   * VPC, such as vpc-0123456789abcdef0.
   * @default - none
   */
  readonly vpcId?: string;
  /**
   * Subnets of `vpcId`, public or private, in which machines reach AWS: by the internet, by `vpcEndpoints` or by
   * `proxy`. Allowed: a list of 1 to 16, each the id of a subnet, such as subnet-0123456789abcdef0.
   * @default - none
   */
  readonly subnetIds?: readonly string[];
  /**
   * Availability zones of the farm’s own VPC; 3 zones, if the region has them, have more Spot machines. Allowed:
   * an integer from 2 to 3.
   * @default 2
   */
  readonly zones?: number;
  /**
   * Maximum vCPUs of Spot machines at a time; the Spot quota of the account may be lower. Allowed: an integer from
   * 1 to 10,000.
   * @default 256
   */
  readonly spotVcpus?: number;
  /**
   * Instance families or types of the machines; more of them mean fewer interruptions. For `default_x86_64`, AWS
   * Batch chooses families of the region. Allowed: a list of 1 to 50, each an x86 instance family or type, such as
   * m6i or m6i.2xlarge, or default_x86_64.
   * @default ["default_x86_64"]
   */
  readonly instanceTypes?: readonly string[];
  /**
   * VCPUs of the largest machine, also with GPUs. By default, a machine may have all sizes of its family, up to
   * 192 vCPUs and more. Allowed: an integer from 2 to 384.
   * @default - none
   */
  readonly maxMachineVcpus?: number;
  /**
   * Whether synth refuses families that the region lacks, by a built-in table; set it to false if AWS offers them
   * now. Allowed: true or false.
   * @default true
   */
  readonly checkInstanceTypes?: boolean;
  /**
   * Maximum vCPUs of On-Demand machines, at full price, in their own queue; 0: none. They render frames that Spot
   * machines did not finish, and `retry --on-demand`. Allowed: an integer from 0 to 10,000.
   * @default 0
   */
  readonly onDemandVcpus?: number;
  /**
   * Maximum vCPUs of Spot machines with NVIDIA GPUs, in their own queue; 0: none. Allowed: an integer from 0 to
   * 10,000.
   * @default 0
   */
  readonly gpuVcpus?: number;
  /**
   * Instance families or types of machines with NVIDIA GPUs. Allowed: a list of 1 to 50, each an x86 instance
   * family or type, such as m6i or m6i.2xlarge.
   * @default ["g4dn","g5","g6"]
   */
  readonly gpuInstanceTypes?: readonly string[];
  /**
   * Minutes that an idle Spot machine, also with GPUs, waits for the next job: 0, or 20 or more; 0: AWS Batch ends
   * it soon. A waiting machine costs its Spot price: 16 vCPUs for 20 minutes about 0.10 USD (docs/costs.md).
   * Allowed: an integer from 0 to 10,080.
   * @default 0
   */
  readonly warmMinutes?: number;
  /**
   * Disk of a machine in GiB, for the system, the image, and the scenes and frames of all its slices. Allowed: an
   * integer from 30 to 16,384.
   * @default 100
   */
  readonly diskGib?: number;
  /**
   * Existing container image; with `{version}` in it, one for each of `blenderVersions`. By default, `cdk deploy`
   * builds images from `container/`. Allowed: the name of an image, at most 512 characters.
   * @default - none
   */
  readonly imageUri?: string;
  /**
   * Blender versions of the farm, each in its own image. A scene renders with the oldest version that is not older
   * than the scene. Allowed: a list of 1 to 5, each a full version of Blender, such as 5.2.3.
   * @default ["5.2.3"]
   */
  readonly blenderVersions?: readonly string[];
  /**
   * VCPUs of a slice. Allowed: an integer from 1 to 192.
   * @default 4
   */
  readonly renderVcpus?: number;
  /**
   * Memory of a slice in MiB: slightly more than the scene needs. Allowed: an integer from 512 to 1,572,864.
   * @default 14000
   */
  readonly renderMemoryMib?: number;
  /**
   * VCPUs of the stitch job, which makes the video. Allowed: an integer from 1 to 192.
   * @default 4
   */
  readonly stitchVcpus?: number;
  /**
   * Memory of the stitch job in MiB; it opens scenes with sound in Blender. Allowed: an integer from 512 to
   * 1,572,864.
   * @default 7000
   */
  readonly stitchMemoryMib?: number;
  /**
   * Maximum attempts of a slice whose machines are reclaimed. Allowed: an integer from 1 to 10.
   * @default 5
   */
  readonly attempts?: number;
  /**
   * Maximum minutes of one attempt of a slice; limits what a stuck slice costs. Allowed: an integer from 1 to
   * 20,160.
   * @default 720
   */
  readonly renderTimeoutMinutes?: number;
  /**
   * Minutes without output or a new frame after which the worker kills Blender. Allowed: an integer from 1 to
   * 20,160.
   * @default 60
   */
  readonly hangMinutes?: number;
  /**
   * Maximum log of one attempt in MiB; the worker drops further lines of Blender and ffmpeg. Allowed: an integer
   * from 1 to 10,240.
   * @default 64
   */
  readonly logMiB?: number;
  /**
   * Maximum minutes of one attempt of the stitch job. Allowed: an integer from 1 to 20,160.
   * @default 120
   */
  readonly stitchTimeoutMinutes?: number;
  /**
   * Address that receives mails about finished and failed renders and about alarms. Allowed: an email address.
   * @default - none
   */
  readonly email?: string;
  /**
   * Whether renders may run the scripts of their scenes (`allow-scripts`), in the sandbox. Everybody who can
   * upload can then run code on the farm. Allowed: true or false.
   * @default false
   */
  readonly allowScripts?: boolean;
  /**
   * Whether Cycles keeps its data between frames: `auto` also checks that no pixel changes. The option
   * `persistent-data` of a render overrides it. Allowed: one of auto, on, off.
   * @default "auto"
   */
  readonly persistentData?: string;
  /**
   * OpenColorIO configuration of all renders. `cdk deploy` builds the file and the colour files that it names into
   * the images. The option `ocio` of a render overrides it. Allowed: the path of a .ocio or .ocioz file.
   * @default - none
   */
  readonly ocio?: string;
  /**
   * Days after which the bucket deletes a render and its video; 0: never. Allowed: an integer from 0 to 36,500.
   * @default 0
   */
  readonly renderDays?: number;
  /**
   * Days after which CloudWatch deletes logs. Allowed: one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400,
   * 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653.
   * @default 30
   */
  readonly logDays?: number;
  /**
   * Whether the bucket keeps overwritten and deleted objects for 30 days. Allowed: true or false.
   * @default false
   */
  readonly versioned?: boolean;
  /**
   * Whether `cdk destroy` deletes the bucket and every scene and render in it. Allowed: true or false.
   * @default false
   */
  readonly deleteBucket?: boolean;
  /**
   * Monthly budget in US dollars; needs `email`. AWS sends a mail at 80 % and 100 %, and stops nothing; 0: none.
   * Allowed: a number from 0 to 1,000,000.
   * @default 0
   */
  readonly monthlyBudgetUsd?: number;
  /**
   * Whether to deploy an AWS FIS experiment; when you start it, it reclaims up to 5 Spot machines of the farm.
   * Allowed: true or false.
   * @default false
   */
  readonly interruptionExperiment?: boolean;
  /**
   * Receives what the mails say, as POSTs with the signature of SNS and a secret key; 40 US cents a month.
   * Allowed: an HTTPS URL, such as https://example.com/renders.
   * @default - none
   */
  readonly webhookUrl?: string;
  /**
   * Addresses of the farm’s own VPC. Allowed: an IPv4 range from /16 to /24, such as 10.64.0.0/16.
   * @default "10.64.0.0/16"
   */
  readonly vpcCidr?: string;
  /**
   * Security groups of the existing VPC for the machines, which must allow HTTPS out. By default, the farm creates
   * one that allows nothing in. Allowed: a list of 1 to 5, each the id of a security group, such as
   * sg-0123456789abcdef0.
   * @default - none
   */
  readonly securityGroupIds?: readonly string[];
  /**
   * Whether machines reach AWS through six VPC endpoints that the farm creates, each at about 7 US dollars a month
   * and zone. The farm’s own VPC then has only private subnets. Allowed: true or false.
   * @default false
   */
  readonly vpcEndpoints?: boolean;
  /**
   * Route tables of `subnetIds` to which `vpcEndpoints` adds S3. Leave it out if the VPC has a gateway endpoint
   * for S3. Allowed: a list of 1 to 16, each the id of a route table, such as rtb-0123456789abcdef0.
   * @default - none
   */
  readonly routeTableIds?: readonly string[];
  /**
   * HTTP proxy of the machines, for their ECS agent, Docker and the workers. Allowed: a host and port like
   * http://proxy.example.com:3128, with a port from 1 to 65,535.
   * @default - none
   */
  readonly proxy?: string;
  /**
   * Hosts that machines reach without `proxy`, such as those of VPC endpoints. Allowed: a list of 1 to 30, each a
   * host, an address, or a domain such as .example.com.
   * @default - none
   */
  readonly noProxy?: readonly string[];
}
