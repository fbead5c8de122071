#!/bin/sh
# The tracker's issues, read through STACK over REST.
# The bearer reaches curl by a pipe: every user of the machine can read a command line.
set -eu
printf 'Authorization: Bearer %s\n' "$STACK_API_KEY" |
  curl --silent --show-error --fail-with-body --noproxy '*' "$STACK_URL/v1/proxy" \
    --header @- --header 'Content-Type: application/json' \
    --data "{\"service\": \"custom_tracker\", \"url\": \"$ISSUES_URL\"}"
