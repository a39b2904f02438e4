import { CfnOutput, Duration, Size, Stack, type StackProps } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Machines } from '../core/render/options';
import { SpotCompute } from './constructs/compute';
import { CostWatch, MonthlyBudget } from './constructs/cost-watch';
import { FarmParameter } from './constructs/farm-parameter';
import { FinishTrigger } from './constructs/finish-trigger';
import { InterruptionExperiment } from './constructs/interruption-experiment';
import { JobDefinitions } from './constructs/job-definitions';
import { MachineRole, MachineTemplate } from './constructs/machines';
import { FarmTopic, JobMetrics, Monitoring } from './constructs/monitoring';
import { FarmNetwork } from './constructs/network';
import { UploadTrigger } from './constructs/upload-trigger';
import type { Settings } from './settings';

/** Of what size a farm's jobs are and what they run on, as their cost is reckoned by it. */
function farmMachines(settings: Settings): Machines {
  const { renderVcpus, stitchVcpus, instanceTypes, gpuVcpus, gpuInstanceTypes } = settings;
  return {
    renderVcpus,
    stitchVcpus,
    instanceTypes: [...instanceTypes],
    ...(gpuVcpus > 0 && { gpuInstanceTypes: [...gpuInstanceTypes] }),
  };
}

export interface FarmStackProps extends StackProps {
  readonly settings: Settings;
  /** Of the storage stack. */
  readonly bucket: IBucket;
}

/** All that renders. It can be destroyed and deployed again without loss of a scene or a render. */
export class FarmStack extends Stack {
  readonly monitoring: Monitoring;

  constructor(scope: Construct, id: string, { settings, bucket, ...props }: FarmStackProps) {
    super(scope, id, props);
    const { farmName } = settings;
    const { logDays: logRetention, allowScripts } = settings;
    const hasOcio = settings.ocio !== undefined;
    const { topic } = new FarmTopic(this, 'Notices', { email: settings.email });
    const compute = this.compute(settings);
    const jobs = this.jobs(settings, bucket, logRetention);
    const parallel = Math.floor(settings.spotVcpus / settings.renderVcpus);
    const gpuParallel = Math.floor(settings.gpuVcpus / settings.renderVcpus);
    const onDemandParallel = Math.floor(settings.onDemandVcpus / settings.renderVcpus);
    const jobQueues = compute.queues;
    const upload = new UploadTrigger(this, 'Upload', {
      farmName,
      bucket,
      compute,
      jobs,
      parallel,
      gpuParallel,
      allowScripts,
      hasOcio,
      topic,
      logRetention,
    });
    const finish = new FinishTrigger(this, 'Finish', {
      farmName,
      bucket,
      compute,
      jobs,
      topic,
      logRetention,
    });
    const costs = new CostWatch(this, 'Costs', {
      farmName,
      bucket,
      gpuQueue: compute.gpuQueue,
      machines: farmMachines(settings),
      logRetention,
    });
    const metrics = new JobMetrics(this, 'Metrics', {
      farmName,
      jobQueues,
      workerLog: jobs.logGroup,
      logRetention,
    });
    this.monitoring = new Monitoring(this, 'Monitoring', { farmName, upload, finish, costs, metrics, topic });
    this.extras(settings);
    const { name } = new FarmParameter(this, 'Description', {
      farmName,
      bucket,
      compute,
      jobs,
      parallel,
      gpuParallel,
      allowScripts,
      hasOcio,
      machines: farmMachines(settings),
      onDemandParallel,
      topic,
    });
    this.output('JobQueue', compute.queue.jobQueueName, 'where jobs wait');
    this.output('Parameter', name, 'SSM parameter that describes the farm');
  }

  private output(id: string, value: string, description: string): CfnOutput {
    return new CfnOutput(this, id, { value, description });
  }

  private compute(settings: Settings): SpotCompute {
    return new SpotCompute(this, 'Compute', {
      network: new FarmNetwork(this, 'Network', settings),
      template: new MachineTemplate(this, 'Machine', { disk: Size.gibibytes(settings.diskGib) }),
      machineRole: new MachineRole(this, 'MachineRole').role,
      spotVcpus: settings.spotVcpus,
      instanceTypes: settings.instanceTypes,
      onDemandVcpus: settings.onDemandVcpus,
      gpuVcpus: settings.gpuVcpus,
      gpuInstanceTypes: settings.gpuInstanceTypes,
    });
  }

  private jobs(settings: Settings, bucket: IBucket, logRetention: RetentionDays): JobDefinitions {
    return new JobDefinitions(this, 'Jobs', {
      bucket,
      imageUri: settings.imageUri,
      blenderVersions: settings.blenderVersions,
      ocio: settings.ocio,
      attempts: settings.attempts,
      renderVcpus: settings.renderVcpus,
      renderMemory: Size.mebibytes(settings.renderMemoryMib),
      renderTimeout: Duration.minutes(settings.renderTimeoutMinutes),
      hangTime: Duration.minutes(settings.hangMinutes),
      logSize: Size.mebibytes(settings.logMiB),
      stitchVcpus: settings.stitchVcpus,
      stitchMemory: Size.mebibytes(settings.stitchMemoryMib),
      stitchTimeout: Duration.minutes(settings.stitchTimeoutMinutes),
      gpu: settings.gpuVcpus > 0,
      allowScripts: settings.allowScripts,
      machines: farmMachines(settings),
      logRetention,
    });
  }

  private extras({ farmName, monthlyBudgetUsd, email, interruptionExperiment }: Settings): void {
    if (monthlyBudgetUsd > 0 && email !== undefined) this.budget(farmName, monthlyBudgetUsd, email);
    if (interruptionExperiment) {
      const { template } = new InterruptionExperiment(this, 'Interruption', { farmName });
      this.output('InterruptionExperiment', template.attrId, 'FIS experiment template');
    }
  }

  private budget(farmName: string, limitUsd: number, email: string): MonthlyBudget {
    return new MonthlyBudget(this, 'Budget', { farmName, limitUsd, email });
  }
}
