/** An HTTP proxy, and the hosts that are reached without it. */
export interface ProxySettings {
  /** Such as `http://proxy.example.com:3128`; `undefined` without a proxy. */
  readonly proxy?: string | undefined;
  readonly noProxy?: readonly string[] | undefined;
}

/**
 * The instance metadata service, the credentials of tasks, and Docker's socket.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/http_proxy_config.html
 */
const NEVER_BY_PROXY = ['169.254.169.254', '169.254.170.2', '/var/run/docker.sock'];

/** The variables that make programs use the proxy. Empty without a proxy. */
function proxyVariables({ proxy, noProxy = [] }: ProxySettings): Record<string, string> {
  if (proxy === undefined) return {};
  return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: [...NEVER_BY_PROXY, ...noProxy].join(',') };
}

/** The variables of a worker. Node has its own support for proxies since version 24.5, if `NODE_USE_ENV_PROXY` is 1. */
export function workerProxy(settings: ProxySettings): Record<string, string> {
  if (settings.proxy === undefined) return {};
  return { ...proxyVariables(settings), NODE_USE_ENV_PROXY: '1' };
}

/** The port of the proxy; `undefined` without a proxy. */
export function proxyPort({ proxy }: ProxySettings): number | undefined {
  return proxy === undefined ? undefined : Number(new URL(proxy).port || 80);
}

/**
 * The part of a machine's setup script that makes the ECS agent, its starter and Docker use the proxy. It comes before
 * all other parts. Empty without a proxy. By the documentation of Amazon ECS:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/http_proxy_config.html
 */
export function proxySetup(settings: ProxySettings): string {
  const variables = Object.entries(proxyVariables(settings)).map(([name, value]) => `${name}=${value}`);
  if (variables.length === 0) return '';
  return `cat >> /etc/ecs/ecs.config <<'EOF'
${variables.join('\n')}
EOF
for service in docker ecs; do
  mkdir -p /etc/systemd/system/$service.service.d
  cat > /etc/systemd/system/$service.service.d/http-proxy.conf <<'EOF'
[Service]
${variables.map((variable) => `Environment="${variable}"`).join('\n')}
EOF
done
systemctl daemon-reload
systemctl try-restart docker.service

`;
}
