//! What a process's cgroup file says: its v2 path, its systemd unit, its container.

/// Hex digits of a container id as runtimes write it.
const CONTAINER_DIGITS: usize = 64;

/// The cgroup v2 path, `/` where there is none.
pub(super) fn path(groups: &str) -> String {
    groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned()
}

/// The innermost systemd unit the path names.
pub(super) fn unit(path: &str) -> Option<String> {
    let is_unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    path.rsplit('/').find(is_unit).map(str::to_owned)
}

/// The id of the container, whichever runtime and hierarchy names it.
pub(super) fn container(groups: &str) -> Option<String> {
    let parts = groups.lines().flat_map(|line| line.rsplit('/'));
    parts.into_iter().find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let id = part.rsplit('-').next().unwrap_or(part);
        let hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
        (hex && id.len() == CONTAINER_DIGITS).then(|| id.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_containers_are_named_by_paths() {
        let id = "ab".repeat(32);
        let groups = format!("1:cpu:/x\n0::/system.slice/docker-{id}.scope\n");
        assert_eq!(path(&groups), format!("/system.slice/docker-{id}.scope"));
        assert_eq!(container(&groups), Some(id.clone()));
        let kube = format!("0::/kubepods.slice/pod1.slice/cri-containerd-{id}.scope");
        assert_eq!(container(&kube), Some(id.clone()));
        assert_eq!(container(&format!("0::/docker/{id}")), Some(id));
        assert_eq!(unit("/system.slice/nginx.service"), Some("nginx.service".into()));
        assert_eq!(unit("/"), None);
        assert_eq!(container("0::/user.slice/session-1.scope"), None);
        assert_eq!(path(""), "/");
    }
}
