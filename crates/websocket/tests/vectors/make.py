"""Makes signed.tsv: the paths that two other implementations sign, awscrt (which AWS's device SDKs use) and botocore.

    python3 -m venv venv && venv/bin/pip install awscrt==0.38.1 botocore==1.44.5 && venv/bin/python make.py > signed.tsv

Both have to agree on the signature; the whole path is awscrt's. The keys are AWS's documented examples or made up.
"""

import datetime
from urllib.parse import parse_qs, urlsplit

from awscrt import auth, http
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE/token+with=every~odd-mark_&and.space =="
CASES = [
    # host as in the Host header, region, time, seconds, session token
    ("abc123-ats.iot.eu-west-1.amazonaws.com", "eu-west-1", "2026-11-21T16:05:09Z", 300, ""),
    ("abc123-ats.iot.eu-west-1.amazonaws.com", "eu-west-1", "2026-11-21T16:05:09Z", 300, TOKEN),
    ("abc123-ats.iot.us-gov-west-1.amazonaws.com", "us-gov-west-1", "2030-01-01T00:00:00Z", 900, TOKEN),
    ("broker.lan:8443", "cn-north-1", "2027-02-28T23:59:59Z", 1, ""),
    ("192.0.2.7:9001", "eu-west-1", "2028-02-29T12:34:56Z", 86400, TOKEN),
    ("[2001:db8::7]:9001", "eu-west-1", "2026-12-31T23:59:59Z", 300, ""),
]


def by_crt(host, region, at, seconds, token):
    provider = auth.AwsCredentialsProvider.new_static(*KEY, token or None)
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
        credentials_provider=provider,
        region=region,
        service="iotdevicegateway",
        date=at,
        omit_session_token=True,
        expiration_in_seconds=seconds,
    )
    request = http.HttpRequest("GET", "/mqtt", http.HttpHeaders([("Host", host)]))
    return auth.aws_sign_request(request, config).result().path


def by_botocore(host, region, at, seconds):
    class At(SigV4QueryAuth):
        # The token is no part of the signature, so botocore is not told of it; the body is empty.
        def payload(self, request):
            return "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    import botocore.auth

    botocore.auth.get_current_datetime = lambda *_, **__: at.replace(tzinfo=None)
    request = AWSRequest("GET", f"https://{host}/mqtt")
    At(Credentials(*KEY), "iotdevicegateway", region, expires=seconds).add_auth(request)
    return parse_qs(urlsplit(request.url).query)["X-Amz-Signature"]


for host, region, time, seconds, token in CASES:
    at = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    path = by_crt(host, region, at, seconds, token)
    assert parse_qs(urlsplit(path).query)["X-Amz-Signature"] == by_botocore(host, region, at, seconds), host
    print(host, region, time, seconds, token, path, sep="\t")
