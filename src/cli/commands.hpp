#pragma once

namespace execo::cli {

/// `execo resume`: what is left of a run that wrote a journal. argv[0] is its name.
int resume_main(int argc, char** argv);

/// `execo put` and `execo get`: files to and from many hosts.
int put_main(int argc, char** argv);
int get_main(int argc, char** argv);

/// `execo nodeset`: ClusterShell's nodeset, options, output and exit codes. argv[0] is its name.
int nodeset_main(int argc, char** argv);

/// `execo clubak`: gathers and formats `host: line` text, as ClusterShell's clubak.
int clubak_main(int argc, char** argv);

/// `execo keyscan`: the host keys of many servers, as ssh-keyscan prints them.
int keyscan_main(int argc, char** argv);

/// `execo ssh-config`: what the files of ssh say about hosts, as `ssh -G` shows it.
int ssh_config_main(int argc, char** argv);

}  // namespace execo::cli
