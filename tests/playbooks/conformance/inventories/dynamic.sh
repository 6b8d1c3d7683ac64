#!/bin/sh
cat <<'END'
{"web": {"hosts": ["one", "two"], "vars": {"g": 1}},
 "site": {"children": ["web"]},
 "_meta": {"hostvars": {"one": {"a": 1, "ansible_connection": "local"}, "two": {"a": [2], "ansible_connection": "local"}}}}
END
