"""The files of deploy/ say what the server understands: every setting they name is one, ports agree, images are pinned, what is mounted
is there. By Debian's python3-yaml alone. Linters (hadolint, helm, kubeconform, docker compose) look further where they are; what is not
there is printed, with what is then not tried.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import unittest

import yaml

from deploy import dockerfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(SOURCE, "deploy")
CHART = os.path.join(DEPLOY, "helm", "eventstore")
GRPC, HTTP = 50051, 8080
# What helm takes for the cluster; one that was built from source believes in an old one.
KUBERNETES = "1.31.0"
FOR = ("--kube-version", KUBERNETES)
# Variables that are no settings of the table: docs/operations.md.
BESIDE = {"DATABASE_URL", "EVENTSTORE_CONFIG"}
# What the chart is rendered with: each line turns on what the one before does not.
VALUES = {
    "least": ["database.existingSecret=db", "insecure=true"],
    "everything": [
        "database.existingSecret=db", "owner.existingSecret=owner", "tls.existingSecret=tls", "tls.clientCaSecret=ca", "auth.existingSecret=auth",
        "archive.existingClaim=archive", "settings.read_connections=8", "settings.audit_metadata=true", "service.headless=true",
        "serviceMonitor.enabled=true", "image.digest=sha256:" + "0" * 64, "nodeSelector.disk=fast", "podAnnotations.a=b",
    ],
    "servers migrate": ["database.existingSecret=db", "insecure=true", "migration.enabled=false", "networkPolicy.enabled=false", "replicas=1"],
}


def text_of(*path):
    with open(os.path.join(DEPLOY, *path), encoding="utf-8") as file:
        return file.read()


def settings():
    """The variables of eventstored's settings, as it says itself."""
    shown = subprocess.run([os.environ["EVENTSTORED_BINARY"], "--print-config"], capture_output=True, text=True, check=True).stdout
    return {"EVENTSTORE_" + name.upper() for name in re.findall(r"^(?:# )?(\w+) =", shown, re.MULTILINE)} | BESIDE


def tool(name, not_tried):
    found = shutil.which(name)
    if found is None:
        raise unittest.SkipTest(f"there is no {name}. Not tried: {not_tried}")
    return found


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


class DeployTest(unittest.TestCase):
    maxDiff = None

    def assert_runs(self, *command, **options):
        done = run(*command, **options)
        self.assertEqual(done.returncode, 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def assert_settings(self, names):
        known = settings()
        self.assertGreater(len(known), 40)
        self.assertEqual(sorted(set(names) - known), [], "eventstored has no such settings")

    def assert_pinned(self, image):
        self.assertRegex(image, r"^[\w./-]+(:v?\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$")


class YamlTest(DeployTest):
    def test_every_file_parses(self):
        files = [path for end in ("yml", "yaml") for path in glob.glob(f"{DEPLOY}/**/*.{end}", recursive=True)]
        files = [path for path in files if "/templates/" not in path]
        self.assertGreaterEqual(len(files), 8)
        for path in files:
            with self.subTest(os.path.relpath(path, SOURCE)), open(path, encoding="utf-8") as file:
                self.assertTrue(list(yaml.safe_load_all(file)))


class ImageTest(DeployTest):
    def setUp(self):
        self.stages = dockerfile.stages(os.path.join(DEPLOY, "docker", "Dockerfile"))
        self.last = self.stages[-1]

    def test_bases_are_pinned(self):
        for stage in self.stages:
            self.assert_pinned(dockerfile.one(stage, "FROM").split()[0])

    def test_its_settings_and_ports(self):
        environment = dockerfile.environment(self.last)
        self.assert_settings(environment)
        self.assertEqual(environment["EVENTSTORE_GRPC_LISTEN"], f"0.0.0.0:{GRPC}")
        self.assertEqual(environment["EVENTSTORE_HTTP_LISTEN"], f"0.0.0.0:{HTTP}")
        self.assertEqual(dockerfile.one(self.last, "EXPOSE").split(), [str(GRPC), str(HTTP)])
        # Whoever runs it says that the network is trusted, never the image.
        self.assertNotIn("EVENTSTORE_INSECURE", environment)

    def test_it_is_not_root(self):
        self.assertRegex(dockerfile.one(self.last, "USER"), r"^[1-9]\d+:[1-9]\d+$")
        self.assertTrue(dockerfile.one(self.last, "HEALTHCHECK"))

    def test_what_is_copied_is_there_and_not_left_out(self):
        with open(os.path.join(SOURCE, ".dockerignore"), encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
        self.assertEqual(lines[0], "*")
        let_in = [line.removeprefix("!") for line in lines[1:]]
        for path in let_in:
            self.assertTrue(os.path.exists(os.path.join(SOURCE, path)), path)
        # Whatever the build reads of the top level.
        for path in ("CMakeLists.txt", "CMakePresets.json", "cmake", "proto", "server", "client", "tools", "migrations"):
            self.assertIn(path, let_in)
        for stage in self.stages:
            for instruction, rest in stage:
                if instruction == "COPY" and not rest.startswith("--from") and not rest.startswith(". "):
                    for path in rest.split()[:-1]:
                        self.assertTrue(os.path.exists(os.path.join(SOURCE, path)), path)
                        self.assertTrue(any(path.rstrip("/").startswith(allowed) for allowed in let_in), path)

    def test_its_version_is_the_projects(self):
        with open(os.path.join(SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
            version = re.search(r"project\(eventstore VERSION ([\d.]+)", file.read()).group(1)
        self.assertIn(f'org.opencontainers.image.version="{version}"', text_of("docker", "Dockerfile"))
        self.assertIn(f"image: eventstore:{version}\n", text_of("docker", "compose.yaml"))
        chart = yaml.safe_load(text_of("helm", "eventstore", "Chart.yaml"))
        self.assertEqual((chart["version"], chart["appVersion"]), (version, version))

    def test_hadolint(self):
        self.assert_runs(tool("hadolint", "whether the Dockerfile follows the rules of good ones"), os.path.join(DEPLOY, "docker", "Dockerfile"))


class ComposeTest(DeployTest):
    def setUp(self):
        self.file = yaml.safe_load(text_of("docker", "compose.yaml"))
        self.services = self.file["services"]

    def test_images_are_pinned(self):
        self.assertEqual(sorted(self.services), ["database", "eventstored", "grafana", "prometheus"])
        for service in self.services.values():
            self.assert_pinned(service["image"])

    def test_the_servers_settings_and_ports(self):
        server = self.services["eventstored"]
        self.assert_settings(server["environment"])
        self.assertEqual(server["ports"], [f"127.0.0.1:{GRPC}:{GRPC}", f"127.0.0.1:{HTTP}:{HTTP}"])
        self.assertTrue(server["read_only"])
        self.assertEqual(server["cap_drop"], ["ALL"])
        self.assertIn("@database:5432/", server["environment"]["DATABASE_URL"])

    def test_nothing_is_published_to_other_machines(self):
        for name, service in self.services.items():
            for port in service.get("ports", []):
                self.assertTrue(str(port).startswith("127.0.0.1:"), (name, port))

    def test_what_is_mounted_is_there(self):
        mounted = 0
        for service in self.services.values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue(os.path.isfile(os.path.join(DEPLOY, "docker", source)), source)
                    self.assertTrue(volume.endswith(":ro"), volume)
                    mounted += 1
                else:
                    self.assertIn(source, self.file["volumes"])
        self.assertEqual(mounted, 5)
        self.assertEqual(os.path.normpath(os.path.join(DEPLOY, "docker", self.services["eventstored"]["build"]["context"])), SOURCE)

    def test_prometheus_and_grafana_find_each_other(self):
        ours, plain = yaml.safe_load(text_of("docker", "prometheus.yml")), yaml.safe_load(text_of("prometheus", "prometheus.yml"))
        [job] = ours["scrape_configs"]
        self.assertEqual(job["static_configs"], [{"targets": [f"eventstored:{HTTP}"]}])
        # Nothing else differs from the example that the tests of the alerts know.
        job["static_configs"] = plain["scrape_configs"][0]["static_configs"]
        self.assertEqual(ours, plain)
        [source] = yaml.safe_load(text_of("docker", "grafana", "datasource.yml"))["datasources"]
        self.assertEqual(source["url"], "http://prometheus:9090")

    def test_variables_are_in_the_example(self):
        asked = set(re.findall(r"\$\{(\w+)", text_of("docker", "compose.yaml")))
        given = set(re.findall(r"^(\w+)=$", text_of("docker", "example.env"), re.MULTILINE))
        self.assertEqual(asked, given)

    def test_docker_compose_understands_it(self):
        docker = tool("docker", "whether Docker Compose understands the file")
        if run(docker, "compose", "version").returncode != 0:
            raise unittest.SkipTest("docker has no compose plugin. Not tried: whether Docker Compose understands the file")
        environment = {**os.environ, "EVENTSTORE_DB_PASSWORD": "a", "GRAFANA_ADMIN_PASSWORD": "b"}
        self.assert_runs(docker, "compose", "-f", os.path.join(DEPLOY, "docker", "compose.yaml"), "config", "--quiet", env=environment)


class ChartFilesTest(DeployTest):
    """What can be said of the chart without helm."""

    def setUp(self):
        self.templates = "".join(text_of("helm", "eventstore", "templates", name) for name in os.listdir(os.path.join(CHART, "templates")))
        self.values = yaml.safe_load(text_of("helm", "eventstore", "values.yaml"))

    def test_it_names_settings(self):
        names = re.findall(r"name: ((?:EVENTSTORE|DATABASE)_\w+)$", self.templates, re.MULTILINE)
        self.assertGreater(len(names), 8)
        self.assert_settings([*names, *("EVENTSTORE_" + name.upper() for name in self.values["settings"])])

    def test_values_and_schema_are_of_the_same_shape(self):
        def shape(schema, values, path=""):
            self.assertEqual(sorted(values), sorted(key for key in schema["properties"] if path + key != "global"), path)
            for key, value in values.items():
                inner = schema["properties"][key]
                if "properties" in inner:
                    self.assertFalse(inner["additionalProperties"], path + key)
                    shape(inner, value, path + key + ".")

        shape(json.loads(text_of("helm", "eventstore", "values.schema.json")), self.values)

    def test_every_value_is_used_and_every_used_one_there(self):
        used = set(re.findall(r"\.Values\.([\w.]+)", self.templates))
        for path in used:
            value = self.values
            for key in path.split("."):
                self.assertIn(key, value, path)
                value = value[key]
        self.assertEqual(sorted(set(self.values) - {path.split(".")[0] for path in used}), [])


class ChartTest(DeployTest):
    """What helm makes of it."""

    @classmethod
    def setUpClass(cls):
        cls.helm = tool("helm", "the chart's templates: what they make, and what they refuse")

    def template(self, values):
        return run(self.helm, "template", "shop", CHART, "--namespace", "shop", *FOR, "--api-versions", "monitoring.coreos.com/v1",
                   *(word for value in values for word in ("--set", value)))

    def made(self, values):
        done = self.template(values)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {}
        for document in filter(None, yaml.safe_load_all(done.stdout)):
            found[document["kind"], document["metadata"]["name"]] = document
        return found

    def test_lint(self):
        for name, values in VALUES.items():
            with self.subTest(name):
                self.assert_runs(self.helm, "lint", "--strict", CHART, *FOR, *(word for value in values for word in ("--set", value)))

    def test_pods(self):
        for name, values in VALUES.items():
            for (kind, _), document in self.made(values).items():
                if kind not in ("Deployment", "Job"):
                    continue
                with self.subTest(f"{name}: {kind} {document['metadata']['name']}"):
                    pod = document["spec"]["template"]["spec"]
                    self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                    self.assertFalse(pod["automountServiceAccountToken"])
                    [container] = pod["containers"]
                    self.assert_pinned(container["image"])
                    self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
                    self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
                    self.assert_settings([variable["name"] for variable in container["env"]])
                    names = [variable["name"] for variable in container["env"]]
                    self.assertEqual(sorted(names), sorted(set(names)), "one of them is there twice")
                    # No password but by reference.
                    for variable in container["env"]:
                        self.assertEqual("valueFrom" in variable, variable["name"] == "DATABASE_URL")
                        self.assertIsInstance(variable.get("value", ""), str)
                    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
                    self.assertEqual(mounted, {volume["name"] for volume in pod.get("volumes", [])})
                    if kind == "Deployment":
                        self.assertEqual([port["containerPort"] for port in container["ports"]], [GRPC, HTTP])
                        for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
                            self.assertEqual(container[probe]["httpGet"]["path"], path)
                        labels = document["spec"]["template"]["metadata"]["labels"]
                        self.assertEqual(labels, labels | document["spec"]["selector"]["matchLabels"])

    def test_who_migrates_and_who_does_upkeep(self):
        def of(document):
            [container] = document["spec"]["template"]["spec"]["containers"]
            values = {variable["name"]: variable.get("value") for variable in container["env"]}
            [url] = [variable["valueFrom"]["secretKeyRef"]["name"] for variable in container["env"] if "valueFrom" in variable]
            return url, values.get("EVENTSTORE_HOUSEKEEPER"), values.get("EVENTSTORE_NO_MIGRATE")

        least = self.made(VALUES["least"])
        self.assertEqual(of(least["Deployment", "shop-eventstore"]), ("db", "true", "true"))
        self.assertEqual(of(least["Job", "shop-eventstore-migrate"])[0], "db")
        self.assertNotIn(("Deployment", "shop-eventstore-housekeeper"), least)
        everything = self.made(VALUES["everything"])
        self.assertEqual(of(everything["Deployment", "shop-eventstore"]), ("db", "false", "true"))
        self.assertEqual(of(everything["Deployment", "shop-eventstore-housekeeper"]), ("owner", "true", "true"))
        self.assertEqual(of(everything["Job", "shop-eventstore-migrate"])[0], "owner")
        alone = self.made(VALUES["servers migrate"])
        self.assertEqual(of(alone["Deployment", "shop-eventstore"]), ("db", "true", None))
        self.assertNotIn(("Job", "shop-eventstore-migrate"), alone)

    def test_the_service_finds_the_servers_alone(self):
        made = self.made(VALUES["everything"])
        selector = made["Service", "shop-eventstore"]["spec"]["selector"]
        found = [name for (kind, name), document in made.items()
                 if kind == "Deployment" and selector.items() <= document["spec"]["template"]["metadata"]["labels"].items()]
        self.assertEqual(found, ["shop-eventstore"])

    def test_large_numbers_stay_numbers(self):
        # As a file of values gives them to helm, which makes floating point numbers of them.
        done = run(self.helm, "template", "shop", CHART, *FOR, *(word for value in VALUES["least"] for word in ("--set", value)),
                   "--set-json", 'settings={"max_request_bytes": 16777216}')
        self.assertIn('name: EVENTSTORE_MAX_REQUEST_BYTES\n              value: "16777216"\n', done.stdout, done.stderr)

    def test_what_is_refused(self):
        for values, words in (
            ([], "database.existingSecret"),
            (["database.existingSecret=db"], "tls.existingSecret"),
            ([*VALUES["least"], "tls.existingSecret=tls"], "two things"),
            ([*VALUES["least"], "replicas=0"], "replicas"),
            ([*VALUES["least"], "replicaCount=3"], "replicaCount"),
            ([*VALUES["least"], "image.tag=latest"], "tag"),
        ):
            with self.subTest(values):
                done = self.template(values)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)

    def test_kubeconform(self):
        kubeconform = tool("kubeconform", "whether Kubernetes' own schemas agree with what the chart makes")
        for name, values in VALUES.items():
            with self.subTest(name):
                done = run(kubeconform, "-strict", "-summary", "-ignore-missing-schemas", "-kubernetes-version", KUBERNETES, input=self.template(values).stdout)
                if "failed to fetch" in done.stdout + done.stderr or "failed downloading" in done.stdout + done.stderr:
                    raise unittest.SkipTest("Kubernetes' schemas could not be fetched. Not tried: whether they agree with what the chart makes")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
