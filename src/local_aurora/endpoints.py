"""Where the name of an endpoint leads, and which names are in the certificate behind it.

Sources. "If you're using SSL endpoints and change the DB cluster identifier, stop and restart the DB cluster to update
the SSL endpoints" (AuroraUserGuide, "Modifying an Amazon Aurora DB cluster"): a certificate names the identifiers of
the moment when the cluster was created or last started. Whether a reboot renews it too is not documented; here it
does so only where `Habits.certificate_renewed_by_reboot` is set. "The old DNS name … could remain cached for a few
minutes. The new DNS name … becomes effective in about two minutes" (UserGuide, "Renaming a Multi-AZ DB cluster";
Aurora has no page of its own): `Durations.dns_lag`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from local_aurora.catalogue import family_of
from local_aurora.engine import ServerFace
from local_aurora.identifiers import host_suffix
from local_aurora.objects import Cluster, Instance
from local_aurora.parameter_catalogue import server_settings
from local_aurora.world import World

AWS_DOMAIN = "rds.amazonaws.com"
# RFC 6761: whatever ends in `.localhost` is this machine; no resolver asks the world for it.
LOCAL_DOMAIN = "rds.localhost"
LOCAL_SUFFIX = ".localhost"
LOOPBACK = "127.0.0.1"
ROLES = ("cluster", "cluster-ro")


def address_of(host: str) -> str:
    """What to connect to: not every system's resolver knows that `*.localhost` is the loopback."""
    return LOOPBACK if host.endswith(LOCAL_SUFFIX) else host


def names_now(cluster: Cluster) -> list[str]:
    """The names in a certificate that is made now: both endpoints, and those of the cluster's instances."""
    instances = f"*.{host_suffix(cluster.account, cluster.region)}.{cluster.region}.{cluster.domain}"
    return [*(cluster.host_name(role) for role in ROLES), instances]


def renew_certificate(cluster: Cluster) -> None:
    cluster.certificate_names = names_now(cluster)


def face_of(cluster: Cluster, instance: Instance | None) -> ServerFace:
    """What a server that is started for the cluster is: with the parameters that the instance has taken up."""
    names = tuple(cluster.certificate_names)
    # A server that no instance asked for has no parameters to take up.
    if instance is None:
        return ServerFace(names)
    family = family_of(cluster.engine, cluster.engine_version)
    parameters = server_settings(family, instance.applied.values)
    return ServerFace(names, instance.identifier, tuple(sorted(parameters.items())))


def cluster_of_host(world: World, host: str, now: datetime) -> Cluster | None:
    """The cluster that DNS leads to now; for a while after a rename it does not know the new name yet."""
    lag = timedelta(seconds=world.durations.dns_lag)
    for region in world.regions.values():
        for cluster in region.clusters.values():
            # Until the lag is over DNS has the former name alone.
            is_news = cluster.renamed_at is not None and now < cluster.renamed_at + lag
            name = cluster.former_identifier if is_news else cluster.identifier
            if host in (cluster.host_name(role, name) for role in ROLES):
                return cluster
    return None
