import { readSettings } from '../../lib/settings/settings';
import {
  allProperties,
  expectCounts,
  expectResource,
  flat,
  grants,
  onlyProperties,
  synthFarm,
} from './synth-farm';

const { farmTemplate } = synthFarm({ webhookUrl: 'https://example.com/renders' });

test('the webhook posts to the URL with a secret key in a header', () => {
  expectResource(farmTemplate, 'AWS::Events::ApiDestination', {
    InvocationEndpoint: 'https://example.com/renders',
    HttpMethod: 'POST',
  });
  const { AuthParameters } = onlyProperties(farmTemplate, 'AWS::Events::Connection');
  const { ApiKeyName, ApiKeyValue } = AuthParameters.ApiKeyAuthParameters;
  expect(ApiKeyName).toBe('x-spotreel-key');
  expect(flat(ApiKeyValue)).toBe('{{resolve:secretsmanager:<WebhookSecret>:SecretString:::}}');
});

test('the webhook posts messages unchanged, with the signature of SNS', () => {
  const { RawMessageDelivery } = onlyProperties(farmTemplate, 'AWS::SNS::Subscription');
  expect(RawMessageDelivery).toBeUndefined();
  expect(onlyProperties(farmTemplate, 'AWS::SNS::Topic').SignatureVersion).toBe('2');
  const { TargetParameters, SourceParameters } = onlyProperties(farmTemplate, 'AWS::Pipes::Pipe');
  expect(TargetParameters).toEqual({ InputTemplate: '<$.body>' });
  expect(SourceParameters.SqsQueueParameters.BatchSize).toBe(1);
});

test('the role of the webhook may read its queue and post, and nothing else', () => {
  expect(grants(farmTemplate, 'WebhookRole')).toEqual({
    'sqs:ReceiveMessage': ['<WebhookQueue.Arn>'],
    'sqs:DeleteMessage': ['<WebhookQueue.Arn>'],
    'sqs:GetQueueAttributes': ['<WebhookQueue.Arn>'],
    'events:InvokeApiDestination': ['<WebhookDestinationApiDestination.Arn>'],
  });
});

test('an alarm reports messages that did not reach the webhook', () => {
  const alarms = allProperties(farmTemplate, 'AWS::CloudWatch::Alarm');
  const [ofWebhook] = alarms.filter(({ id }) => id.startsWith('Webhook'));
  expect(ofWebhook?.properties).toMatchObject({
    AlarmDescription: 'Spotreel main: messages did not reach webhookUrl',
    AlarmActions: [{ Ref: expect.stringMatching(/^NoticesTopic/) }],
  });
});

test('the deployment prints where the key of the webhook is', () => {
  expect(flat(farmTemplate.findOutputs('WebhookSecret').WebhookSecret?.Value)).toBe('<WebhookSecret>');
});

test('a farm without webhookUrl has no secret and no pipe', () => {
  const { farmTemplate: plain } = synthFarm();
  expectCounts(plain, { 'AWS::SecretsManager::Secret': 0, 'AWS::Pipes::Pipe': 0 });
});

test.each(['http://example.com', 'https://', 'example.com', 'https://a b'])(
  'readSettings refuses the webhookUrl %j',
  (webhookUrl) => {
    expect(() => readSettings({ webhookUrl }, {})).toThrow('must be an HTTPS URL');
  },
);
