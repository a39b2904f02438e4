#!/bin/sh
# Runs on the machine as root. Every few seconds, it asks the instance metadata service (version 2) whether EC2 will
# reclaim this Spot machine, and writes the unchanged notice to a file that containers can read:
#   {"action": "terminate", "time": "2017-09-18T08:22:00Z"}
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
# The variables are for tests.
set -u
service=${SPOTREEL_METADATA:-http://169.254.169.254}
folder=${SPOTREEL_HOST_FOLDER:-/run/spotreel}
seconds=${SPOTREEL_SECONDS:-5}

while :; do
  # Without a notice, the service answers 404. --fail turns this into an exit code.
  if token=$(curl --fail --silent --max-time 2 --request PUT "$service/latest/api/token" \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60') &&
    curl --fail --silent --max-time 2 "$service/latest/meta-data/spot/instance-action" \
      --header "X-aws-ec2-metadata-token: $token" --output "$folder/.notice"; then
    chmod 0644 "$folder/.notice"
    # Rename the file, so no reader sees a part of it.
    mv -f "$folder/.notice" "$folder/spot-notice.json"
  fi
  sleep "$seconds"
done
