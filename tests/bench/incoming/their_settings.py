"""Settings of Postfix, Dovecot, rspamd and Pigeonhole: as Debian ships them, but for folders, ports, and what lets more
mail pass (no pause for a full queue, processes that stay, an rspamd for each core that scans in the milter itself).
"""

MAIN_CF = """
compatibility_level = 3.10
queue_directory = {folder}/queue
data_directory = {folder}/state
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 192.0.2.0/24
relay_domains =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{folder}/postfix/people
virtual_transport = lmtp:unix:{folder}/run/lmtp
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = none
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
maillog_file_prefixes = {folder}
maillog_file = {folder}/maillog
biff = no
in_flow_delay = 0
default_database_type = texthash
"""
MILTER = """
smtpd_milters = inet:127.0.0.1:{milter}
milter_protocol = 6
milter_default_action = tempfail
milter_mail_macros = i {{mail_addr}} {{client_addr}} {{client_name}} {{auth_authen}}
"""
MASTER_CF = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
DOVECOT = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/state-dovecot
log_path = {folder}/dovecot.log
protocols {{
  imap = yes
  lmtp = yes
}}
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = plain login
auth_username_format = %{{user | lower}}
auth_cache_size = 10 M
passdb passwd-file {{
  passwd_file_path = {folder}/people
}}
userdb passwd-file {{
  passwd_file_path = {folder}/people
}}
first_valid_uid = {uid}
default_process_limit = 200
mail_driver = sdbox
mail_path = ~/sdbox
mail_max_userip_connections = 500
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  restart_request_count = unlimited
  process_min_avail = {cores}
  process_limit = {cores}
  client_limit = 10000
}}
service imap {{
  process_limit = 4096
  process_min_avail = 4
  restart_request_count = 1000
}}
service auth {{
  client_limit = 20000
}}
service anvil {{
  client_limit = 20000
}}
service stats {{
  client_limit = 20000
}}
service lmtp {{
  process_min_avail = 4
  process_limit = 40
  restart_request_count = unlimited
  unix_listener lmtp {{
    mode = 0666
  }}
}}
protocol lmtp {{
  auth_username_format = %{{user | lower}}
  {plugins}
}}
"""
SIEVE = """mail_plugins {
    sieve = yes
  }"""
SIEVE_SCRIPT = """
sieve_script personal {
  type = personal
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}
"""
RSPAMD = {
    "options.inc": """
filters = "chartable,dkim,regexp";
tempdir = "{folder}";
dns {{ nameserver = ["{names}"]; timeout = 1s; retransmits = 2; }}
""",
    "worker-normal.inc": "enabled = false;\n",
    "worker-controller.inc": 'bind_socket = "127.0.0.1:{controller}";\npassword = "{controller}-{milter}";\n',
    "worker-proxy.inc": """
bind_socket = "127.0.0.1:{milter}";
milter = yes;
timeout = 60s;
upstream "local" {{ default = yes; self_scan = yes; }}
count = {cores};
""",
    "milter_headers.conf": 'use = ["authentication-results"];\nskip_local = false;\n',
    "spf.conf": "check_local = true;\n",
    "dkim.conf": "check_local = true;\n",
    "dmarc.conf": """
check_local = true;
actions = {{ quarantine = "add_header"; reject = "reject"; }}
""",
    # What asks others over the network.
    **dict.fromkeys(
        ("rbl.conf", "fuzzy_check.conf", "asn.conf", "phishing.conf", "rspamd_update.conf", "url_redirector.conf"),
        "enabled = false;\n",
    ),
}
