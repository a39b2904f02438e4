import { CfnOutput, Size, Stack, type StackProps } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CostWatch, MonthlyBudget } from './constructs/cost-watch';
import { FarmParameter } from './constructs/farm-parameter';
import { FinishTrigger } from './constructs/finish-trigger';
import { InterruptionExperiment } from './constructs/interruption-experiment';
import { JobDefinitions } from './constructs/job-definitions';
import { JobQueues } from './constructs/job-queues';
import { MachineRole, MachineTemplate } from './constructs/machines';
import { FarmTopic, JobMetrics, Monitoring } from './constructs/monitoring';
import { FarmNetwork } from './constructs/network';
import { UploadTrigger } from './constructs/upload-trigger';
import type { Settings } from './settings';

export interface FarmStackProps extends StackProps {
  readonly settings: Settings;
  /** The bucket of the storage stack. */
  readonly bucket: IBucket;
}

/**
 * Everything that renders. Destroying and deploying this stack again loses no scene and no render.
 *
 *     upload ──► Lambda ──► render: an array job on Spot machines ──► stitch: a job ──► bucket
 *                                           │                              │
 *                                           └──── ended ──► Lambda ◄───────┘
 */
export class FarmStack extends Stack {
  readonly monitoring: Monitoring;
  readonly budget?: MonthlyBudget;

  constructor(scope: Construct, id: string, { settings, bucket, ...props }: FarmStackProps) {
    super(scope, id, props);
    const { farmName, logDays: logRetention, email } = settings;
    const { topic } = new FarmTopic(this, 'Notices', { email });

    // The machines, the queues in front of them, and the jobs that run on them.
    const network = new FarmNetwork(this, 'Network', { settings });
    const template = new MachineTemplate(this, 'Machine', { disk: Size.gibibytes(settings.diskGib) });
    const { role: machineRole } = new MachineRole(this, 'MachineRole');
    const queues = new JobQueues(this, 'Compute', { settings, network, template, machineRole });
    const jobs = new JobDefinitions(this, 'Jobs', { settings, bucket });

    // From an upload to a render job and a stitch job, and from their end to a mail or a rescue.
    const farm = { settings, bucket, queues, jobs, topic };
    const upload = new UploadTrigger(this, 'Upload', farm);
    const finish = new FinishTrigger(this, 'Finish', farm);
    const costs = new CostWatch(this, 'Costs', { settings, bucket, gpuQueue: queues.gpu?.queue });

    // What people see of it.
    const jobQueues = queues.all;
    const workerLog = jobs.logGroup;
    const metrics = new JobMetrics(this, 'Metrics', { farmName, jobQueues, workerLog, logRetention });
    this.monitoring = new Monitoring(this, 'Monitoring', { farmName, upload, finish, costs, metrics, topic });
    if (settings.monthlyBudgetUsd > 0 && email !== undefined) {
      const limitUsd = settings.monthlyBudgetUsd;
      this.budget = new MonthlyBudget(this, 'Budget', { farmName, limitUsd, email });
    }
    const { name } = new FarmParameter(this, 'Description', farm);
    this.output('JobQueue', queues.spot.queue.jobQueueName, 'Queue of the Spot machines');
    this.output('Parameter', name, 'SSM parameter that describes the farm');
    if (settings.interruptionExperiment) {
      const { template: experiment } = new InterruptionExperiment(this, 'Interruption', { farmName });
      this.output('InterruptionExperiment', experiment.attrId, 'FIS experiment template');
    }
  }

  private output(id: string, value: string, description: string): CfnOutput {
    return new CfnOutput(this, id, { value, description });
  }
}
