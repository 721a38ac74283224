"""An AWS on loopback: ministack, our local Aurora, and Lambda functions under the real runtime client."""
